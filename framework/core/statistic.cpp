#include "core/statistic.h"

namespace bench {

void Calibration::start(const Model& model) {
  at::NoGradGuard no_grad;
  hidden.clear();
  for (const auto& b : batches) hidden.push_back(model.stem(b));
}

void Calibration::advance(const Model& model, Scope scope) {
  at::NoGradGuard no_grad;
  for (size_t b = 0; b < batches.size(); ++b)
    for (int64_t i = scope.begin; i < scope.end; ++i)
      hidden[b] = model.block(i, hidden[b], batches[b]);
}

Statistic* Stats::add(const StatisticKind& kind, const Layer& layer) {
  auto& slot = all_[{layer.name, kind.key}];
  if (slot) return nullptr;
  slot = kind.make(layer);
  return slot.get();
}

const Statistic* Stats::find(const std::string& layer, const std::string& key) const {
  const auto it = all_.find({layer, key});
  if (it != all_.end()) return it->second.get();
  return behind_ ? behind_->find(layer, key) : nullptr;
}

Statistic::Values Stats::values(const std::string& layer) const {
  auto all = behind_ ? behind_->values(layer) : Statistic::Values();
  for (auto it = all_.lower_bound({layer, ""}); it != all_.end() && it->first.first == layer; ++it)
    for (auto& [name, value] : it->second->values())
      all.emplace_back(it->first.second + " " + name, value);
  return all;
}

Statistic::Notes Stats::notes(const std::string& layer) const {
  auto all = behind_ ? behind_->notes(layer) : Statistic::Notes();
  for (auto it = all_.lower_bound({layer, ""}); it != all_.end() && it->first.first == layer; ++it)
    all.merge(it->second->notes());
  return all;
}

}  // namespace bench
