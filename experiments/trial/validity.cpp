#include "trial/validity.h"

#include <cmath>
#include <map>

#include "base/digest.h"
#include "data/data.h"
#include "data/text_source.h"

namespace bench {
namespace {

constexpr double kSparsityTolerance = 0.005;

std::string short_hash(const std::string& hash) {
  return hash.substr(0, 12);
}

/// Is the text put together as the record says? "auto" is whatever the file's name means.
bool assembled(const Evidence& e, const RecordedData& record) {
  const auto kind = [](const std::string& format, const std::string& file) {
    return format == "auto" ? guess_format(file) : format;
  };
  return e.join == record.join && kind(e.format, e.file) == kind(record.format, record.file);
}

/// Ids that the recorded text has with the tokenizer that was used.
int64_t expected_ids(const Evidence& e, const RecordedData& record, bool same_bytes,
                     const RecordedModel& model) {
  const auto it = model.tokens.find({record.name, e.variant});
  if (it != model.tokens.end() && e.special) return it->second;
  if (same_bytes && assembled(e, record)) return e.ids;
  const auto rows = read_documents(record.file, record.format);
  return static_cast<int64_t>(e.tokenizer->encode(join(rows, record.join), e.special).size());
}

VerdictRow judge_windows(const Evidence& e, const RecordedData* record, bool same_bytes,
                         const RecordedModel& model) {
  const auto verdict = [&](bool ok, const std::string& detail) {
    return task_verdict("window_count", ok, e.task, e.protocol, detail);
  };
  if (e.limit > e.windows)
    return verdict(
        false, fmt::format("{} windows of {}; {} were asked for", e.windows, e.length, e.limit));
  if (!record) return verdict(true, fmt::format("{} windows of {}", e.windows, e.length));
  const auto ids = expected_ids(e, *record, same_bytes, model);
  const auto all = ids / e.length, windows = e.limit ? std::min(all, e.limit) : all;
  const bool ok = windows == e.windows && ids == e.ids;
  if (ok)
    return verdict(true, fmt::format("{} windows of {}, out of {} ids", windows, e.length, ids));
  return verdict(
      false, fmt::format("{} windows of {} out of {} ids; {} has {} windows of them out of {} ids: "
                         "{}",
                         e.windows, e.length, e.ids, e.name, windows, ids,
                         same_bytes ? "another tokenizer, or rows that were joined otherwise"
                                    : "another text was loaded"));
}

void judge_tokenizer(const Evidence& e, const std::string& name, const RecordedModel& model,
                     std::vector<VerdictRow>& rows) {
  if (!e.tokenizer) return;
  const auto it = model.tokenizers.find(e.variant);
  if (it == model.tokenizers.end()) return;
  const auto hash = e.tokenizer->hash();
  const bool ok = hash == it->second;
  rows.push_back(task_verdict(
      "tokenizer_hash", ok, e.task, e.protocol,
      ok ? fmt::format("{} of {}: {}", e.variant, name, short_hash(hash))
         : fmt::format("{} was used, variant {}; {} in the protocol's variant {} is {}",
                       short_hash(hash), e.tokenizer->variant(), name, e.variant,
                       short_hash(it->second))));
}

/// Is the task's definition the one that ships under the name, byte for byte?
bool same_definition(const Evidence& e) {
  if (e.definition.empty()) return true;
  const auto shipped = shipped_digest("tasks/" + e.name + ".yaml");
  return shipped.empty() || bytes_of(e.definition) == shipped;
}

/// Keys by which parts say where their random numbers begin.
void add_seeds(const Value* part, const std::string& path, std::map<std::string, int64_t>& seeds) {
  if (!part) return;
  for (const char* key : {"seed", "base_seed"})
    if (const Value* v = part->find(key); v && v->is_int())
      seeds[path + "." + key] = std::get<int64_t>(v->data);
}

}  // namespace

std::string shown(const std::string& file) {
  const auto inside = std::filesystem::path(file).lexically_relative(home() / "data");
  return inside.empty() || *inside.begin() == ".." ? file : inside.string();
}

const std::string& bytes_of(const std::string& file) {
  static std::map<std::string, std::string> known;
  auto& hash = known[file];
  if (hash.empty()) hash = data_digest(file);
  return hash;
}

std::vector<VerdictRow> judge_evidence(const Evidence& e, const std::string& model_name,
                                       const RecordedModel& model) {
  std::vector<VerdictRow> rows;
  const auto add = [&](const char* rule, bool ok, const std::string& detail) {
    rows.push_back(task_verdict(rule, ok, e.task, e.protocol, detail));
  };
  const auto* record = recorded_data(e.name);
  const auto& bytes = bytes_of(e.file);
  const bool same = record && (record->sha256.empty() || record->sha256 == bytes);
  const bool asked = same && same_definition(e);
  if (record && !record->sha256.empty())
    add("dataset_hash", asked,
        asked  ? fmt::format("{} is {}", shown(e.file), record->name)
        : same ? fmt::format("{} is not the task file that ships as {}: other questions are asked",
                             shown(e.definition), record->name)
               : fmt::format("{} has the bytes {}, {} has {}: another data set was loaded",
                             shown(e.file), short_hash(bytes), record->name,
                             short_hash(record->sha256)));
  if (record && record->rows >= 0)
    add("row_count", e.rows == record->rows,
        e.rows == record->rows
            ? fmt::format("{} rows", e.rows)
            : fmt::format("{} rows; {} has {}", e.rows, record->name, record->rows));
  if (e.length > 0) rows.push_back(judge_windows(e, record, same, model));
  judge_tokenizer(e, model_name, model, rows);
  return rows;
}

std::vector<VerdictRow> judge_gates(const std::vector<MetricRow>& metrics,
                                    const RecordedModel& model) {
  std::vector<VerdictRow> rows;
  for (const auto& m : metrics)
    for (const auto& gate : model.gates) {
      if (gate.task != m.task || gate.protocol != m.protocol || gate.metric != m.name) continue;
      const bool ok = std::abs(m.value - gate.value) <= gate.within;  // NaN is not ok
      rows.push_back(task_verdict(
          "dense_gate", ok, m.task, m.protocol,
          fmt::format("{} {:.6g}, recorded {:.6g} ± {:.3g}{}{}", m.name, m.value, gate.value,
                      gate.within, gate.source.empty() ? "" : ", ", gate.source)));
    }
  return rows;
}

VerdictRow judge_sparsity(const Reached& r) {
  const double off = r.measured - r.asked;
  const bool ok = std::abs(off) <= kSparsityTolerance + (off > 0 && r.at_most ? 0 : r.step);
  return {"sparsity_reached", ok,
          fmt::format("{:.3f} % of what the pattern can remove; {:.3f} % were asked for, whole "
                      "rows, layers or units allow {:.3f} points",
                      100 * r.measured, 100 * r.asked, 100 * (r.step + kSparsityTolerance))};
}

std::vector<VerdictRow> judge_seeds(const Value& config, bool uses_data) {
  std::map<std::string, int64_t> seeds;
  add_seeds(config.find("criterion"), "criterion", seeds);
  add_seeds(config.find("update"), "update", seeds);
  if (uses_data) {
    const Value* preset = config.find("data")->find("preset");
    const bool drawn = preset && preset->is_string() && preset->string() != "images" &&
                       preset->string() != "first";
    if (drawn) add_seeds(config.find("data"), "data", seeds);
  }
  if (seeds.empty()) return {};
  const auto asked = std::get<int64_t>(config.find("seed")->data);
  std::string all, deaf;
  for (const auto& [path, seed] : seeds) {
    auto& text = seed == asked || asked == 0 ? all : deaf;
    text += fmt::format("{}{} is {}", text.empty() ? "" : ", ", path, seed);
  }
  if (deaf.empty()) return {{"seeds", true, all}};
  return {{"seeds", false,
           fmt::format("{}: seed {} does not reach it; write ${{seed}} there", deaf, asked)}};
}

}  // namespace bench
