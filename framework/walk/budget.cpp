#include "walk/budget.h"

#include <algorithm>

#include "measure/cost.h"

namespace bench {

int64_t units_of(const Part& part, Share share) {
  return share.count >= 0
             ? std::min(share.count, part.size - part.at_least)
             : removed_units(part.size, part.unit_width, share.ratio, part.at_least);
}

std::vector<Share> budget_shares(Model& model, const Batch& input, const std::vector<Group>& groups,
                                 const std::vector<Part>& parts, const std::vector<Tensor>& scores,
                                 Allocator& allocator, const std::string& budget, double target) {
  const auto positions = output_positions(model, input);
  std::vector<int64_t> gone(parts.size(), 0);
  const double full = cost_in(cost_without(model, positions, groups, gone), budget);
  std::vector<Share> shares;
  double low = 0, high = 1;
  constexpr int kHalvings = 40;
  for (int i = 0; i <= kHalvings; ++i) {
    const double at = i == 0 ? 1 : i == kHalvings ? low : (low + high) / 2;
    for (size_t k = 0; k < scores.size(); ++k) allocator.observe(parts[k], scores[k]);
    shares = allocator.shares(parts, at);
    for (size_t k = 0; k < parts.size(); ++k) gone[k] = units_of(parts[k], shares[k]);
    const double left = cost_in(cost_without(model, positions, groups, gone), budget);
    (1 - left / full <= target ? low : high) = at;
    if (low == 1) break;
  }
  return shares;
}

}  // namespace bench
