#include "reports/scatter.h"

#include <algorithm>

namespace bench {
namespace {

using Json = nlohmann::ordered_json;

const MetricRow* truth(const Outcome& outcome) {
  const auto it = std::find_if(outcome.metrics.begin(), outcome.metrics.end(),
                               [](const MetricRow& m) { return m.name == "dL_true"; });
  return it == outcome.metrics.end() ? nullptr : &*it;
}

bool beside(const MetricRow& y, const MetricRow& x) {
  return &x != &y && x.task == y.task && x.items_hash == y.items_hash;
}

}  // namespace

bool has_scatter(const Outcome& outcome) {
  const auto* y = truth(outcome);
  return y && std::any_of(outcome.metrics.begin(), outcome.metrics.end(),
                          [&](const MetricRow& m) { return beside(*y, m); });
}

Json scatter_of(const Outcome& outcome) {
  const auto* y = truth(outcome);
  if (!y || y->items.empty()) return nullptr;
  Json all = Json::array();
  for (const auto& m : outcome.metrics)
    if (beside(*y, m) && m.items.size() == y->items.size())
      all.push_back({{"name", m.name}, {"value", m.value}, {"items", m.items}});
  if (all.empty()) return nullptr;
  return {{"task", y->task}, {"unit", y->unit}, {"y", y->items}, {"x", std::move(all)}};
}

}  // namespace bench
