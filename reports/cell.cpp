#include "reports/cell.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "results/verdict.h"

namespace bench {

namespace {

using Json = nlohmann::json;

void erase_seeds(Json& node) {
  if (node.is_object()) node.erase("seed");
  for (auto& child : node) {
    if (child.is_structured()) erase_seeds(child);
  }
}

/// Trials of one cell differ in something: in nothing but seeds, or in other settings as well.
std::string spread_of(const Rows& rows, const std::vector<size_t>& trials) {
  if (trials.size() < 2) return "";
  std::set<std::string> settings;
  for (const size_t t : trials) {
    Json identity = Json::parse(rows.trials[t].identity, nullptr, false);
    if (identity.is_discarded()) return fmt::format("{} trials", trials.size());
    erase_seeds(identity);
    settings.insert(identity.dump(-1, ' ', false, Json::error_handler_t::replace));
  }
  if (settings.size() == 1) return fmt::format("{} seeds", trials.size());
  if (settings.size() == trials.size()) return fmt::format("{} settings", trials.size());
  return fmt::format("{} trials of {} settings", trials.size(), settings.size());
}

/// The most telling state of trials that gave no number.
std::string reason_of(const Rows& rows, const std::vector<size_t>& trials) {
  const auto any = [&](const char* state) {
    return std::any_of(trials.begin(), trials.end(),
                       [&](size_t t) { return rows.trials[t].state == state; });
  };
  if (trials.empty()) return "no trial";
  if (any("running")) return "running";
  if (any("failed")) return "failed";
  if (any("done")) return "not measured";
  return "not run";
}

void average(Cell& cell, const std::vector<Reading>& readings) {
  double sum = 0;
  for (const auto& r : readings) sum += r.metric->value;
  const double n = static_cast<double>(readings.size());
  cell.value = sum / n;
  if (readings.size() == 1) {
    cell.error = readings[0].metric->stderr_;
    return;
  }
  double squares = 0;
  for (const auto& r : readings) squares += std::pow(r.metric->value - cell.value, 2);
  cell.error = std::sqrt(squares / (n - 1) / n);
}

/// Does anything in the trial draw random numbers? Criteria and sampled data say from which seed.
bool draws(const Json& config, const Trial& t) {
  const auto has_seed = [&](const char* part) {
    if (!config.contains(part) || !config[part].is_object()) return false;
    return config[part].contains("seed") || config[part].contains("base_seed");
  };
  const bool uses_data = t.identity.find("\"data_bytes\"") != std::string::npos;
  return t.method != "dense" && (has_seed("criterion") || (uses_data && has_seed("data")));
}

/// `seeds: k` in a configuration: a cell of fewer is INVALID.
void judge_seeds(Cell& cell, const Rows& rows) {
  int64_t asked = 1;
  std::set<int64_t> seeds;
  for (const size_t t : cell.trials) {
    if (rows.trials[t].config.find("\"seeds\":") == std::string::npos) continue;
    const Json config = Json::parse(rows.trials[t].config, nullptr, false);
    if (!config.is_object() || !draws(config, rows.trials[t])) continue;
    asked = std::max(asked, config.value("seeds", int64_t{1}));
    seeds.insert(config.value("seed", int64_t{0}));
  }
  const auto there = static_cast<int64_t>(seeds.size());
  if (there >= asked || seeds.empty()) return;
  cell.invalid.push_back(fmt::format("seeds: {} of the {} that were asked for", there, asked));
}

}  // namespace

const char* mark_of(const Cell& cell) {
  return !cell.invalid.empty() ? "INVALID" : !cell.warnings.empty() ? "LEAK" : "";
}

void judge(Cell& cell, const TrialFacts& facts, const MetricRow& metric, const std::string& id) {
  const auto it = facts.broken.find(id);
  if (it == facts.broken.end()) return;
  for (const auto& v : it->second) {
    if (!concerns(v, metric.task, metric.protocol)) continue;
    auto text = fmt::format("{}{}{} (trial {})", v.rule, v.detail.empty() ? "" : ": ", v.detail,
                            id.substr(0, 12));
    (only_warns(v) ? cell.warnings : cell.invalid).push_back(std::move(text));
  }
}

TrialFacts facts_of(const Rows& rows) {
  TrialFacts facts{&rows, with_inherited(rows.trials, rows.broken), {}};
  for (const auto& s : rows.sparsity) {
    if (s.sparsity.name != "prunable weights" || s.sparsity.total == 0) continue;
    // The first stage counts: after shrink() the removed weights are in no denominator any more.
    facts.measured.try_emplace(
        s.trial, static_cast<double>(s.sparsity.zeros) / static_cast<double>(s.sparsity.total));
  }
  return facts;
}

Cell make_cell(const TrialFacts& facts, const std::vector<Reading>& readings,
               const std::vector<size_t>& trials) {
  const Rows& rows = *facts.rows;
  Cell cell;
  if (readings.empty()) {
    cell.reason = reason_of(rows, trials);
    cell.trials = trials;
    return cell;
  }
  cell.kind = Cell::Kind::Value;
  average(cell, readings);
  double measured = 0;
  for (const auto& r : readings) {
    const std::string& id = rows.trials[r.trial].id;
    cell.trials.push_back(r.trial);
    judge(cell, facts, *r.metric, id);
    const auto it = facts.measured.find(id);
    measured += it == facts.measured.end() ? kNone : it->second;
  }
  cell.measured = measured / static_cast<double>(readings.size());
  cell.spread = spread_of(rows, cell.trials);
  judge_seeds(cell, rows);
  return cell;
}

}  // namespace bench
