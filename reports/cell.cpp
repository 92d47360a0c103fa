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

/// One number a seed: where one setting was measured twice under a seed (with other tasks beside
/// it), the newest counts.
std::vector<Reading> one_a_seed(const Rows& rows, const std::vector<Reading>& readings) {
  std::map<std::string, Reading> newest;
  for (const auto& r : readings) {
    const auto [it, first] = newest.try_emplace(rows.trials[r.trial].seeds, r);
    if (!first && rows.trials[it->second.trial].number < rows.trials[r.trial].number)
      it->second = r;
  }
  std::vector<Reading> all;
  for (const auto& [seeds, r] : newest) all.push_back(r);
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.trial < b.trial; });
  return all;
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

/// Seeds share their items: more of them make that part of the error no smaller.
void average(Cell& cell, const std::vector<Reading>& readings) {
  double sum = 0, errors = 0;
  for (const auto& r : readings) sum += r.metric->value, errors += r.metric->stderr_;
  const double n = static_cast<double>(readings.size());
  cell.value = sum / n;
  cell.error_items = errors / n;
  cell.error = cell.error_items;
  if (readings.size() == 1) return;
  double squares = 0;
  for (const auto& r : readings) squares += std::pow(r.metric->value - cell.value, 2);
  cell.error_seeds = std::sqrt(squares / (n - 1) / n);
  cell.error = std::isnan(cell.error_items) ? cell.error_seeds
                                            : std::hypot(cell.error_items, cell.error_seeds);
  cell.spread = fmt::format("{} seeds", readings.size());
}

/// Does anything in the trial draw random numbers? Criteria and sampled data say from which seed.
bool draws(const Json& config, const Trial& t) {
  const auto has_seed = [&](const char* part) {
    if (!config.contains(part) || !config[part].is_object()) return false;
    return config[part].contains("seed") || config[part].contains("base_seed");
  };
  const bool uses_data = t.settings.find("\"data_bytes\"") != std::string::npos;
  return t.kind == "pruned" && (has_seed("criterion") || (uses_data && has_seed("data")));
}

/// `seeds: k` in a configuration: a cell of fewer is INVALID.
void judge_seeds(Cell& cell, const TrialFacts& facts) {
  int64_t asked = 1;
  std::set<int64_t> seeds;
  for (const size_t t : cell.trials) {
    const auto it = facts.seeds.find(t);
    if (it == facts.seeds.end() || !it->second.draws) continue;
    asked = std::max(asked, it->second.asked);
    seeds.insert(it->second.seed);
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
  TrialFacts facts{&rows, with_inherited(rows.trials, rows.broken), {}, {}};
  for (size_t i = 0; i < rows.trials.size(); ++i) {
    const auto& t = rows.trials[i];
    if (t.config.find("\"seeds\":") == std::string::npos) continue;
    const Json config = Json::parse(t.config, nullptr, false);
    if (config.is_object())
      facts.seeds[i] = {config.value("seeds", int64_t{1}), config.value("seed", int64_t{0}),
                        draws(config, t)};
  }
  for (const auto& s : rows.sparsity) {
    if (s.sparsity.name != "prunable weights" || s.sparsity.total == 0) continue;
    // The first stage counts: after shrink() the removed weights are in no denominator any more.
    facts.measured.try_emplace(
        s.trial, static_cast<double>(s.sparsity.zeros) / static_cast<double>(s.sparsity.total));
  }
  return facts;
}

Cell make_cell(const TrialFacts& facts, const std::vector<Reading>& given,
               const std::vector<size_t>& trials) {
  const Rows& rows = *facts.rows;
  const auto readings = one_a_seed(rows, given);
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
  judge_seeds(cell, facts);
  return cell;
}

}  // namespace bench
