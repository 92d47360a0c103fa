#include "measure/shortest.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace bench {

std::vector<size_t> cheapest_choices(const std::vector<std::vector<Choice>>& parts, double wanted,
                                     int64_t buckets) {
  constexpr double kNever = std::numeric_limits<double>::infinity();
  if (wanted <= 0) buckets = 0;
  // Rounded down part by part, the gains of exactly `wanted` would miss it by a bucket each.
  const auto cells = [&](double gain) -> int64_t {
    if (buckets == 0) return 0;
    const double at = gain / wanted * static_cast<double>(buckets);
    return std::min(buckets, static_cast<int64_t>(std::floor(at + 1e-9)));
  };
  const auto width = static_cast<size_t>(buckets) + 1;
  std::vector<double> least(width, kNever);
  least[0] = 0;
  std::vector<std::vector<int32_t>> taken;  // of each part, for every sum that is reached
  std::vector<std::vector<int32_t>> from;
  for (const auto& choices : parts) {
    std::vector<double> next(width, kNever);
    std::vector<int32_t> which(width, -1), before(width, -1);
    for (size_t c = 0; c < choices.size(); ++c) {
      const auto step = static_cast<size_t>(cells(choices[c].gain));
      for (size_t sum = 0; sum < width; ++sum) {
        if (least[sum] == kNever) continue;
        const auto to = std::min(sum + step, width - 1);
        const double loss = least[sum] + choices[c].loss;
        if (loss < next[to]) {
          next[to] = loss;
          which[to] = static_cast<int32_t>(c);
          before[to] = static_cast<int32_t>(sum);
        }
      }
    }
    least = std::move(next);
    taken.push_back(std::move(which));
    from.push_back(std::move(before));
  }
  if (least[width - 1] == kNever) return {};
  std::vector<size_t> all(parts.size());
  auto at = static_cast<int32_t>(width - 1);
  for (size_t i = parts.size(); i-- > 0;) {
    all[i] = static_cast<size_t>(taken[i][static_cast<size_t>(at)]);
    at = from[i][static_cast<size_t>(at)];
  }
  return all;
}

}  // namespace bench
