#include "tasks/average_precision.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace bench {
namespace {

/// For every found box, whether it takes one that is there.
std::vector<bool> matched(const std::vector<Placed>& found, const std::vector<Placed>& there,
                          double least) {
  std::map<int64_t, std::vector<size_t>> in_image, at;
  for (size_t i = 0; i < found.size(); ++i) in_image[found[i].image].push_back(i);
  for (size_t i = 0; i < there.size(); ++i) at[there[i].image].push_back(i);
  std::vector<bool> hit(found.size(), false), taken(there.size(), false);
  for (auto& [image, all] : in_image) {
    std::stable_sort(all.begin(), all.end(),
                     [&](size_t a, size_t b) { return found[a].box.score > found[b].box.score; });
    for (const auto f : all) {
      double best = std::min(least, 1 - 1e-10);
      auto which = there.size();
      for (const auto t : at[image]) {
        if (taken[t]) continue;
        const double o = overlap(found[f].box.box, there[t].box.box);
        if (o < best) continue;
        best = o, which = t;
      }
      if (which == there.size()) continue;
      taken[which] = hit[f] = true;
    }
  }
  return hit;
}

}  // namespace

double average_precision(const std::vector<Placed>& found, const std::vector<Placed>& there,
                         double least) {
  if (there.empty()) return std::numeric_limits<double>::quiet_NaN();
  const auto hit = matched(found, there, least);
  std::vector<size_t> order(found.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return found[a].box.score > found[b].box.score; });
  std::vector<double> recall, precision;
  double right = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    right += hit[order[i]] ? 1 : 0;
    recall.push_back(right / static_cast<double>(there.size()));
    precision.push_back(right / (static_cast<double>(i + 1) + 2.220446049250313e-16));
  }
  for (size_t i = precision.size(); i-- > 1;)
    precision[i - 1] = std::max(precision[i - 1], precision[i]);
  double sum = 0;
  for (int i = 0; i <= 100; ++i) {
    const auto from = std::lower_bound(recall.begin(), recall.end(), i * 0.01);
    if (from != recall.end()) sum += precision[static_cast<size_t>(from - recall.begin())];
  }
  return sum / 101;
}

MeanPrecision mean_precision(const std::vector<Placed>& found, const std::vector<Placed>& there,
                             int64_t classes) {
  MeanPrecision mean;
  double present = 0;
  for (int64_t c = 0; c < classes; ++c) {
    const auto of = [&](const std::vector<Placed>& all) {
      std::vector<Placed> mine;
      for (const auto& p : all)
        if (p.box.label == c) mine.push_back(p);
      return mine;
    };
    const auto mine = of(found), real = of(there);
    if (real.empty()) continue;
    ++present;
    for (int i = 0; i < 10; ++i) {
      const double ap = average_precision(mine, real, 0.5 + 0.05 * i);
      mean.all += ap / 10;
      if (i == 0) mean.at50 += ap;
      if (i == 5) mean.at75 += ap;
    }
  }
  if (present == 0) return {};
  return {mean.all / present, mean.at50 / present, mean.at75 / present};
}

}  // namespace bench
