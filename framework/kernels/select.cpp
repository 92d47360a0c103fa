#include "kernels/select.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "tensor/tensor.h"

namespace bench::kernels {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr int64_t kBlock = 1024;  // scores that a step looks at before the next one does
constexpr int64_t kFew = 384;     // so few are simply partitioned

struct Scratch {
  std::vector<float> rest, sample;
};

/// Simple loops, vectorised for the machine at hand; one operation an element, so the same bits on
/// each.
#define BENCH_VECTORISED [[gnu::optimize("O3"), gnu::target_clones("avx2", "default")]]

BENCH_VECTORISED void scale_row(const float* w, const float* a, int64_t n, float* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = std::abs(w[i]) * a[i];
}

BENCH_VECTORISED void keep_from(const float* s, int64_t n, float cut, uint8_t* keep) {
  for (int64_t i = 0; i < n; ++i) keep[i] = s[i] >= cut;
}

BENCH_VECTORISED void is_between(const float* s, int64_t n, float low, float high, uint8_t* in) {
  for (int64_t i = 0; i < n; ++i) in[i] = (s[i] >= low) & (s[i] <= high);
}

struct Counts {
  int64_t below, upto;  // scores < low, scores <= high
};

BENCH_VECTORISED Counts count(const float* s, int64_t n, float low, float high) {
  Counts all{0, 0};
  for (int64_t begin = 0; begin < n; begin += kBlock) {  // 32-bit sums: eight lanes at once
    const int64_t end = std::min(n, begin + kBlock);
    int32_t below = 0, upto = 0;
    for (int64_t i = begin; i < end; ++i) below += s[i] < low, upto += s[i] <= high;
    all.below += below, all.upto += upto;
  }
  return all;
}

/// The scores in [low, high], in their order. Without a branch that nobody can predict: each is
/// written, and the place moves on only behind one that stays. `out` has room for one more than
/// stays; it may be `s` itself, since it reads ahead of what it writes.
void keep_between(const float* s, int64_t n, float low, float high, float* out) {
  uint8_t in[kBlock];
  int64_t kept = 0;
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t size = std::min(kBlock, n - begin);
    is_between(s + begin, size, low, high, in);
    for (int64_t i = 0; i < size; ++i) {
      out[kept] = s[begin + i];
      kept += in[i];
    }
  }
}

struct Bracket {
  float low, high;
};

/// Two scores between which the `drop`-th lowest almost surely lies: three standard deviations to
/// each side of its place in a sample (Floyd and Rivest, CACM 18(3), 1975, algorithm 489). The
/// sample stands at even distances, so the same input takes the same steps.
Bracket bracket(const float* s, int64_t n, int64_t drop, std::vector<float>& sample) {
  const int64_t size = n < (int64_t{1} << 20) ? 256 : 8192;
  sample.resize(static_cast<size_t>(size));
  for (int64_t i = 0; i < size; ++i)
    sample[static_cast<size_t>(i)] = s[(2 * i + 1) * n / (2 * size)];
  const double share = static_cast<double>(drop) / static_cast<double>(n);
  const auto place = static_cast<int64_t>(share * static_cast<double>(size));
  const auto margin =
      2 + static_cast<int64_t>(3 * std::sqrt(static_cast<double>(size) * share * (1 - share)));
  Bracket found{-kInfinity, kInfinity};
  const auto low = sample.begin() + std::max<int64_t>(place - margin, 0);
  if (place > margin) {
    std::nth_element(sample.begin(), low, sample.end());
    found.low = *low;
  }
  if (place + margin < size) {
    const auto high = sample.begin() + place + margin;
    std::nth_element(low, high, sample.end());
    found.high = *high;
  }
  return found;
}

/// The `drop`-th lowest score (1-based) and how many equal to it go.
struct Cut {
  float score;
  int64_t equal;  // of those with this score, the first so many go
};

/// Narrows to the scores between two sampled ones, again and again, and partitions the few that
/// are left. Expected time is linear for any input: whatever a bracket tells, the side that holds
/// the cut is exact, and std::nth_element takes over where narrowing does not (ties).
Cut find_cut(const float* s, int64_t n, int64_t drop, Scratch& scratch) {
  auto& rest = scratch.rest;
  int64_t size = n, left = drop;
  for (int64_t before = 2 * n; size > kFew && 4 * size < 3 * before;) {
    auto [low, high] = bracket(s, size, left, scratch.sample);
    auto [below, upto] = count(s, size, low, high);
    if (left <= below) {  // a miss: the cut is on the left
      high = std::nextafter(low, -kInfinity), low = -kInfinity;
      upto = below, below = 0;
    } else if (left > upto) {  // or on the right
      low = std::nextafter(high, kInfinity), high = kInfinity;
      below = upto, upto = size;
    }
    if (s != rest.data()) rest.resize(static_cast<size_t>(upto - below) + 1);
    keep_between(s, size, low, high, rest.data());
    s = rest.data();
    before = size, size = upto - below, left -= below;
  }
  if (s != rest.data()) rest.assign(s, s + size);
  const auto cut = rest.begin() + left - 1;
  std::nth_element(rest.begin(), cut, rest.begin() + size);
  const auto lower = std::count_if(rest.begin(), cut, [&](float f) { return f < *cut; });
  return {*cut, left - lower};
}

void mark(const float* s, int64_t n, Cut cut, uint8_t* keep) {
  keep_from(s, n, cut.score, keep);
  for (int64_t begin = 0; cut.equal > 0 && begin < n; begin += kBlock) {
    const int64_t end = std::min(n, begin + kBlock);
    const auto [below, upto] = count(s + begin, end - begin, cut.score, cut.score);
    for (int64_t i = begin; upto > below && cut.equal > 0 && i < end; ++i)
      if (s[i] == cut.score) keep[i] = 0, --cut.equal;
  }
}

void select(const float* s, int64_t n, int64_t drop, uint8_t* keep, Scratch& scratch) {
  if (drop <= 0 || drop >= n)
    std::fill(keep, keep + n, static_cast<uint8_t>(drop <= 0));
  else
    mark(s, n, find_cut(s, n, drop, scratch), keep);
}

/// 2:4 without branches: an element goes if two or more of its group rank above it.
BENCH_VECTORISED void two_of_four(const float* s, int64_t groups, uint8_t* keep) {
  for (int64_t g = 0; g < groups; ++g, s += 4, keep += 4) {
    const int b01 = s[1] >= s[0], b02 = s[2] >= s[0], b03 = s[3] >= s[0];
    const int b12 = s[2] >= s[1], b13 = s[3] >= s[1], b23 = s[3] >= s[2];
    keep[0] = static_cast<uint8_t>(b01 + b02 + b03 < 2);
    keep[1] = static_cast<uint8_t>(1 - b01 + b12 + b13 < 2);
    keep[2] = static_cast<uint8_t>(2 - b02 - b12 + b23 < 2);
    keep[3] = static_cast<uint8_t>(3 - b03 - b13 - b23 < 2);
  }
}

void one_group(const float* s, int64_t size, int64_t drop, uint8_t* keep) {
  for (int64_t i = 0; i < size; ++i) {
    int64_t before = 0;  // how many go before i
    for (int64_t j = 0; j < size; ++j) before += s[j] < s[i] || (s[j] == s[i] && j < i);
    keep[i] = before >= drop;
  }
}

}  // namespace

void select_lowest(const float* score, int64_t n, int64_t drop, uint8_t* keep) {
  Scratch scratch;
  select(score, n, drop, keep, scratch);
}

void select_rows(const float* score, int64_t rows, int64_t columns, const int64_t* drop,
                 int64_t drop_count, uint8_t* keep) {
  const int64_t grain = std::max<int64_t>(1, 32768 / std::max<int64_t>(columns, 1));
  at::parallel_for(0, rows, grain, [&](int64_t begin, int64_t end) {
    Scratch scratch;
    for (int64_t r = begin; r < end; ++r)
      select(score + r * columns, columns, drop[drop_count == 1 ? 0 : r], keep + r * columns,
             scratch);
  });
}

void select_nm(const float* score, int64_t rows, int64_t columns, int64_t n, int64_t m,
               uint8_t* keep) {
  const int64_t whole = columns / m, rest = columns % m;
  const int64_t grain = std::max<int64_t>(1, 32768 / std::max<int64_t>(columns, 1));
  at::parallel_for(0, rows, grain, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const float* s = score + r * columns;
      uint8_t* k = keep + r * columns;
      if (n == 2 && m == 4)
        two_of_four(s, whole, k);
      else
        for (int64_t g = 0; g < whole; ++g) one_group(s + g * m, m, m - n, k + g * m);
      if (rest) one_group(s + whole * m, rest, std::min(m - n, rest), k + whole * m);
    }
  });
}

void scaled_magnitude(const float* w, const float* a, int64_t rows, int64_t columns, float* out) {
  const int64_t grain = std::max<int64_t>(1, 32768 / std::max<int64_t>(columns, 1));
  at::parallel_for(0, rows, grain, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) scale_row(w + r * columns, a, columns, out + r * columns);
  });
}

}  // namespace bench::kernels
