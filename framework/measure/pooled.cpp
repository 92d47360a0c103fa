// Radix selection over parts that come one at a time: the upper half of an order-preserving key
// finds the bucket in which the threshold lies, the lower half of what fell into it the threshold.
#include "measure/pooled.h"

#include <bit>
#include <numeric>

#include "base/error.h"

namespace bench {
namespace {

constexpr size_t kBuckets = size_t{1} << 16;
using Histogram = std::vector<int64_t>;

/// Ascending with the float.
uint32_t key_of(float x) {
  const auto bits = std::bit_cast<uint32_t>(x == 0 ? 0.0F : x);  // -0 is 0
  return bits & 0x80000000U ? ~bits : bits | 0x80000000U;
}

template <class F>
void each_key(const ScoreOf& score, size_t part, F&& f) {
  const auto s = score(part).detach().to(at::kCPU, at::kFloat).contiguous();
  const float* at = s.const_data_ptr<float>();
  for (int64_t i = 0; i < s.numel(); ++i) {
    if (at[i] != at[i]) fail("a score is NaN: it cannot be compared with others");
    f(key_of(at[i]));
  }
}

/// The first bucket up to which more than `drop` fell, and how many fell below it.
std::pair<size_t, int64_t> crossing(const Histogram& fell, int64_t drop) {
  int64_t below = 0;
  size_t b = 0;
  while (b + 1 < fell.size() && below + fell[b] < drop) below += fell[b++];
  return {b, below};
}

}  // namespace

std::vector<int64_t> lowest_of_all(size_t parts, const ScoreOf& score, int64_t drop,
                                   bool with_ties) {
  std::vector<int64_t> gone(parts, 0);
  if (drop <= 0) return gone;
  Histogram high(kBuckets, 0);
  for (size_t p = 0; p < parts; ++p) each_key(score, p, [&](uint32_t k) { ++high[k >> 16]; });
  const auto [bucket, below] = crossing(high, drop);
  std::vector<std::vector<uint16_t>> inside(parts);
  Histogram low(kBuckets, 0);
  for (size_t p = 0; p < parts; ++p)
    each_key(score, p, [&, b = bucket](uint32_t k) {
      if (k >> 16 < b) ++gone[p];
      if (k >> 16 != b) return;
      inside[p].push_back(static_cast<uint16_t>(k & 0xffffU));
      ++low[k & 0xffffU];
    });
  const auto [threshold, before] = crossing(low, drop - below);
  auto left = drop - below - before;  // of those that equal the threshold
  for (size_t p = 0; p < parts; ++p) {
    int64_t equal = 0;
    for (const auto k : inside[p]) {
      gone[p] += k < threshold;
      equal += k == threshold;
    }
    const auto mine = with_ties ? equal : std::min(equal, left);
    gone[p] += mine;
    left -= with_ties ? 0 : mine;
  }
  return gone;
}

}  // namespace bench
