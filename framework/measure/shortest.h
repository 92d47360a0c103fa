#pragma once
#include <cstdint>
#include <vector>

namespace bench {

/// One of the things that can be done to a part: what it costs and how much of the wanted it
/// brings.
struct Choice {
  double loss, gain;
};

/// For every part one of its choices, so that the gains add up to `wanted` at least and the losses
/// to as little as can be: exact but for gains, which are counted in whole `buckets`-ths of
/// `wanted`, rounded down. Of equal sums the earlier choices win. Empty: no choices bring that
/// much.
std::vector<size_t> cheapest_choices(const std::vector<std::vector<Choice>>& parts, double wanted,
                                     int64_t buckets);

}  // namespace bench
