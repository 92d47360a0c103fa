#include "walk/walk.h"

#include <numeric>

namespace bench {

std::vector<Stop> stops(int64_t block_count, Propagation order,
                        const std::vector<int64_t>& blocks) {
  if (order == Propagation::Dense) {
    std::vector<size_t> all(blocks.size());
    std::iota(all.begin(), all.end(), 0);
    return {{{0, block_count}, all, false}};
  }
  std::vector<Stop> all;
  for (int64_t b = 0; b < block_count; ++b) {
    std::vector<size_t> here;
    for (size_t i = 0; i < blocks.size(); ++i)
      if (blocks[i] == b) here.push_back(i);
    if (order == Propagation::PerLinear && !here.empty())
      for (const auto i : here) all.push_back({{b, b + 1}, {i}, i == here.back()});
    else
      all.push_back({{b, b + 1}, here, true});
  }
  return all;
}

void walk(Model& model, Calibration& data, const std::vector<Stop>& stops,
          const std::function<void(const Stop&)>& visit,
          const std::function<void(int64_t, int64_t)>& progress) {
  for (size_t i = 0; i < stops.size(); ++i) {
    visit(stops[i]);
    if (stops[i].finished && i + 1 < stops.size()) data.advance(model, stops[i].scope);
    if (progress) progress(static_cast<int64_t>(i + 1), static_cast<int64_t>(stops.size()));
  }
}

}  // namespace bench
