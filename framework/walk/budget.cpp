#include "walk/budget.h"

#include <algorithm>

#include "measure/cost.h"

namespace bench {
std::vector<Share> budget_shares(Model& model, const Batch& input, const Split& split,
                                 const Allocator& allocator, const std::string& budget) {
  const auto& parts = split.parts;
  const auto positions = output_positions(model, input);
  std::vector<Group> groups;
  for (const auto& p : parts) groups.push_back(*p.group);
  std::vector<Tensor> all;
  for (size_t k = 0; allocator.wants_scores() && k < parts.size(); ++k)
    all.push_back(split.scores.of(k));
  const HeldScores scores(std::move(all));
  std::vector<int64_t> gone(parts.size(), 0);
  const double full = cost_in(cost_without(model, positions, groups, gone), budget);
  std::vector<Share> shares;
  double low = 0, high = 1;
  constexpr int kHalvings = 40;
  for (int i = 0; i <= kHalvings; ++i) {
    const double at = i == 0 ? 1 : i == kHalvings ? low : (low + high) / 2;
    shares = allocator.shares({parts, scores, split.stats, at, split.probe, split.mask});
    for (size_t k = 0; k < parts.size(); ++k) gone[k] = removed_units(groups[k], shares[k]);
    const double left = cost_in(cost_without(model, positions, groups, gone), budget);
    (1 - left / full <= split.target ? low : high) = at;
    if (low == 1) break;
  }
  return shares;
}

}  // namespace bench
