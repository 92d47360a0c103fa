#include "reports/inherit.h"

#include <fmt/format.h>

namespace bench {

namespace {

/// The model as its name and the digest of its files.
std::string model_of(const Trial& t) {
  return t.model + "|" + t.weights;
}

/// Failed gates by model.
Broken failed_gates(const std::vector<Trial>& trials, const std::vector<Store::VerdictOf>& broken) {
  std::map<std::string, const Trial*> by_id;
  Broken gates;
  for (const auto& v : broken) {
    if (v.verdict.rule != kInheritedRule) continue;
    if (by_id.empty()) {
      for (const auto& t : trials) by_id[t.id] = &t;
    }
    const auto it = by_id.find(v.trial);
    if (it == by_id.end()) continue;  // submitted between two queries
    auto inherited = v.verdict;
    inherited.detail += fmt::format(" (of the dense trial {})", v.trial.substr(0, 12));
    gates[model_of(*it->second)].push_back(std::move(inherited));
  }
  return gates;
}

bool pruned(const Trial& t) {
  return t.kind != "dense" && t.kind != "foreign";
}

}  // namespace

Broken with_inherited(const std::vector<Trial>& trials,
                      const std::vector<Store::VerdictOf>& broken) {
  Broken all;
  for (const auto& v : broken) all[v.trial].push_back(v.verdict);
  const auto gates = failed_gates(trials, broken);
  if (gates.empty()) return all;
  for (const auto& t : trials) {
    if (!pruned(t)) continue;
    const auto it = gates.find(model_of(t));
    if (it == gates.end()) continue;
    auto& own = all[t.id];
    own.insert(own.end(), it->second.begin(), it->second.end());
  }
  return all;
}

std::vector<VerdictRow> inherited(const Store& store, const Trial& trial) {
  if (!pruned(trial)) return {};
  const auto broken = store.broken_verdicts();
  const auto gates = failed_gates(store.trials(), broken);
  const auto it = gates.find(model_of(trial));
  return it == gates.end() ? std::vector<VerdictRow>{} : it->second;
}

}  // namespace bench
