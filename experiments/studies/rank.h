#pragma once
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace bench {

/// Agreement of two lists of values, item by item. Equal values share their mean rank.
double spearman(const std::vector<double>& a, const std::vector<double>& b);
/// Kendall's tau-b.
double kendall(const std::vector<double>& a, const std::vector<double>& b);
/// Share of the lowest `share` of b that is among the lowest of a.
double overlap(const std::vector<double>& a, const std::vector<double>& b, double share);

/// Percentile bootstrap over items, 95 %: low and high. The stream is addressable: seed and round.
std::pair<double, double> bootstrap(
    const std::vector<double>& a, const std::vector<double>& b,
    const std::function<double(const std::vector<double>&, const std::vector<double>&)>& of,
    int64_t rounds, uint64_t seed);

}  // namespace bench
