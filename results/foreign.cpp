#include "results/foreign.h"

#include <fmt/chrono.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <tuple>

#include "base/clock.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/regular_file.h"
#include "results/foreign_samples.h"

namespace bench {
namespace {

namespace fs = std::filesystem;
using namespace foreign;

constexpr const char* kUnknown = "foreign";  // method or pattern of which the file says nothing

std::string dumped(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string bytes_of(const std::string& path) {
  require_regular(path);
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  if (!in) fail("{}: cannot be read; give a results file of lm-eval", path);
  return text.str();
}

std::optional<MetricKey> metric_key(const std::string& key, const Json& task) {
  const auto comma = key.find(',');
  if (comma == key.npos || comma == 0 || comma + 1 == key.size()) return {};
  MetricKey k{key.substr(0, comma), key.substr(comma + 1)};
  const std::string end = "_stderr";
  if (k.metric.ends_with(end)) {
    const auto of = k.metric.substr(0, k.metric.size() - end.size());
    if (task.contains(of + "," + k.filter)) return {};
  }
  return k;
}

class Reader {
 public:
  Reader(const std::string& path, const ForeignNames& names)
      : path_(path), names_(names), bytes_(bytes_of(path)) {
    file_ = parse(bytes_);
    if (file_.is_discarded())
      fail("{}: is no JSON, or not whole; give a results file of lm-eval (results_DATE.json)",
           path);
    if (!at(file_, "results").is_object())
      fail("{}: has no 'results'; give a results file of lm-eval (results_DATE.json)", path);
    version_ = text_at(file_, "lm_eval_version");
    ours_ = at(at(file_, "config"), "prunebench");
  }

  Foreign read() {
    Foreign f;
    for (const auto& [task, numbers] : at(file_, "results").items())
      add_task(f.outcome, task, numbers);
    if (f.outcome.metrics.empty())
      fail("{}: 'results' holds no number called METRIC,FILTER, as lm-eval writes them from 0.4 on",
           path_);
    add_names(f.spec);
    digest_ = sha256_hex(bytes_);
    f.spec.id = digest_.substr(0, 16);
    f.spec.identity = dumped(identity());
    f.spec.config = dumped(config(f.spec));
    f.outcome.hashes.insert(f.outcome.hashes.begin(), {"results file", digest_});
    add_environment(f.outcome);
    return f;
  }

 private:
  void add_task(Outcome& outcome, const std::string& task, const Json& numbers) {
    if (!numbers.is_object()) fail("{}: results.{} is no map of numbers", path_, task);
    const auto name = task_name(task), protocol = protocol_of(task);
    std::optional<Samples> samples;
    if (const auto beside = samples_beside(task); !beside.empty()) {
      samples.emplace(beside);
      outcome.hashes.emplace_back("samples of " + task, sha256_file(beside));
    }
    for (const auto& [key, value] : numbers.items()) {
      const auto k = metric_key(key, numbers);
      if (!k) continue;
      const auto number = number_of(value);
      if (!number) {
        if (value.is_string()) continue;  // a heading of a group, as older files have them
        fail("{}: results.{}.{} is no number", path_, task, key);
      }
      MetricRow row;
      row.task = name, row.protocol = protocol, row.name = k->name(), row.value = *number;
      row.stderr_ = number_of(at(numbers, k->error())).value_or(kNone);  // "N/A": not known
      row.unit = text_at(at(of_ours(task), "units"), row.name);
      row.n = count_of(task, key, numbers);
      const auto& direction = at(at(at(file_, "higher_is_better"), task), k->metric);
      row.directed = direction.is_boolean();
      row.higher_is_better = row.directed && direction.get<bool>();
      if (samples) samples->fill(row, *k, text_at(of_ours(task), "items_hash"));
      if (!seen_.emplace(row.task, row.protocol, row.name).second)
        fail("{}: has {} of {} twice", path_, row.name, row.task);
      outcome.metrics.push_back(std::move(row));
    }
  }

  const Json& of_ours(const std::string& task) const { return at(at(ours_, "tasks"), task); }

  int64_t count_of(const std::string& task, const std::string& key, const Json& numbers) const {
    if (const auto n = count_at(at(at(file_, "n-samples"), task), "effective")) return *n;
    if (const auto n = count_at(at(numbers, "sample_count"), key)) return *n;
    return count_at(numbers, "sample_len").value_or(0);
  }

  /// With what is not the whole task: numbers of other documents or examples are of another task.
  std::string task_name(const std::string& task) const {
    if (const auto own = text_at(of_ours(task), "task"); !own.empty()) return own;
    std::string name = task;
    if (const auto shots = count_at(at(file_, "n-shot"), task).value_or(0); shots > 0)
      name += fmt::format("-{}shot", shots);
    const auto& counts = at(at(file_, "n-samples"), task);
    const auto all = count_at(counts, "original"), some = count_at(counts, "effective");
    if (!all || !some || *some >= *all) return name;
    const bool first = at(at(file_, "config"), "limit").is_number();
    return name + fmt::format("-{}{}", first ? "first" : "some", *some);
  }

  std::string protocol_of(const std::string& task) const {
    if (const auto own = text_at(of_ours(task), "protocol"); !own.empty()) return own + " foreign";
    return version_.empty() ? "lm-eval foreign" : "lm-eval@" + version_ + " foreign";
  }

  /// samples_TASK_DATE.jsonl beside results_DATE.json; empty where it is not there.
  std::string samples_beside(const std::string& task) const {
    const fs::path path(path_);
    const auto stem = path.stem().string();
    const std::string begin = "results_";
    if (!stem.starts_with(begin)) return "";
    auto part = task;
    std::replace(part.begin(), part.end(), '/', '_');
    const auto file =
        path.parent_path() / fmt::format("samples_{}_{}.jsonl", part, stem.substr(begin.size()));
    std::error_code ignored;
    return fs::exists(file, ignored) ? file.string() : "";
  }

  void add_names(TrialSpec& spec) const {
    const auto or_else = [](const std::string& given, const std::string& own,
                            const std::string& last) {
      return !given.empty() ? given : !own.empty() ? own : last;
    };
    spec.model = or_else(names_.model, text_at(ours_, "model"), text_at(file_, "model_name"));
    if (spec.model.empty())
      fail("{}: does not say which model it is of (model_name); name it with --model", path_);
    spec.method = or_else(names_.method, text_at(ours_, "method"), kUnknown);
    spec.pattern = or_else(names_.pattern, text_at(ours_, "pattern"),
                           spec.method == "dense" ? "dense" : kUnknown);
    const auto& share = at(ours_, "sparsity");
    const double own = share.is_number() ? share.get<double>() : 0;
    spec.sparsity = std::isfinite(names_.sparsity) ? names_.sparsity : std::isfinite(own) ? own : 0;
  }

  /// What tells settings apart; rows of equal ones are one row of a table, the newest counting.
  Json identity() const {
    Json id = {{"foreign", version_.empty() ? "lm-eval" : "lm-eval@" + version_}};
    if (const auto weights = text_at(ours_, "weights"); !weights.empty()) id["model"] = weights;
    auto dtype = text_at(at(file_, "config"), "model_dtype");
    if (dtype.starts_with("torch.")) dtype = dtype.substr(6);
    if (!dtype.empty() && dtype != "float32") id["dtype"] = dtype;
    for (const char* key : {"chat_template_sha", "system_instruction_sha"})
      if (const auto sha = text_at(file_, key); !sha.empty()) id[key] = sha;
    if (at(file_, "fewshot_as_multiturn") == true) id["fewshot_as_multiturn"] = true;
    if (const auto& generation = at(at(file_, "config"), "gen_kwargs");
        !generation.is_null() && generation != "" && !generation.empty())
      id["gen_kwargs"] = generation;
    return id;
  }

  Json config(const TrialSpec& spec) const {
    return {{"foreign",
             {{"format", "lm-eval"},
              {"version", version_},
              {"file", fs::path(path_).filename().string()},
              {"sha256", digest_},
              {"model_name", at(file_, "model_name")},
              {"config", at(file_, "config")}}},
            {"model", {{"name", spec.model}}},
            {"method", spec.method},
            {"pattern", {{"kind", spec.pattern}}},
            {"sparsity", spec.sparsity}};
  }

  void add_environment(Outcome& outcome) const {
    if (!version_.empty()) outcome.environment.emplace_back("lm-eval", version_);
    for (const char* key : {"transformers_version", "git_hash"})
      if (const auto text = text_at(file_, key); !text.empty())
        outcome.environment.emplace_back(key, text);
    const auto& date = at(file_, "date");
    if (date.is_number() && date.get<double>() > 0 && date.get<double>() < 1e11)
      outcome.environment.emplace_back(
          "measured", fmt::format("{:%Y-%m-%d %H:%M UTC}",
                                  fmt::gmtime(static_cast<std::time_t>(date.get<double>()))));
  }

  std::string path_;
  ForeignNames names_;
  std::string bytes_, digest_, version_;
  Json file_, ours_;
  std::set<std::tuple<std::string, std::string, std::string>> seen_;
};

}  // namespace

Foreign read_lm_eval(const std::string& path, const ForeignNames& names) {
  return Reader(path, names).read();
}

bool add_foreign(Store& store, const Foreign& foreign) {
  const auto& spec = foreign.spec;
  if (const auto there = store.trial(spec.id); there && there->state == "done") {
    if (std::tie(there->model, there->method, there->pattern, there->sparsity) ==
        std::tie(spec.model, spec.method, spec.pattern, spec.sparsity))
      return false;
    fail(
        "trial {} is the same file, called {} {} {} {:.4g}%; 'bench rm' it first to import it "
        "under other names",
        there->number, there->model, there->method, there->pattern, 100 * there->sparsity);
  }
  store.submit({spec});
  const std::string worker = "import";
  if (!store.claim({{spec.id}, worker, "", 60, true, unix_now()}) ||
      !store.finish(spec.id, worker, foreign.outcome))
    fail("another process is importing trial {}; try again in a minute", spec.id.substr(0, 12));
  return true;
}

}  // namespace bench
