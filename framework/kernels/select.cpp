#include "kernels/select.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/tensor.h"

namespace bench::kernels {
namespace {

/// Unsigned keys in the order of the floats.
inline uint32_t ordered(float f) {
  uint32_t u;
  const float plus = f + 0.0f;  // -0 becomes +0
  std::memcpy(&u, &plus, sizeof u);
  return u ^ (static_cast<uint32_t>(static_cast<int32_t>(u) >> 31) | 0x80000000u);
}

/// Simple loops, vectorised for the machine at hand; one operation an element, so the same bits on
/// each.
#define BENCH_VECTORISED [[gnu::optimize("O3"), gnu::target_clones("avx2", "default")]]

BENCH_VECTORISED void to_keys(const float* score, int64_t n, uint32_t* keys) {
  for (int64_t i = 0; i < n; ++i) keys[i] = ordered(score[i]);
}

BENCH_VECTORISED void keep_from(const uint32_t* keys, int64_t n, uint32_t cut, uint8_t* keep) {
  for (int64_t i = 0; i < n; ++i) keep[i] = keys[i] >= cut;
}

BENCH_VECTORISED void scale_row(const float* w, const float* a, int64_t n, float* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = std::abs(w[i]) * a[i];
}

constexpr int kFirstBits = 11;
constexpr int64_t kSmall = 64;

/// The key of the `drop`-th lowest (1-based) and how many equal to it go.
struct Cut {
  uint32_t key;
  int64_t equal;  // of those with this key, the first so many go
};

Cut cut_small(const uint32_t* keys, int64_t n, int64_t drop) {
  uint32_t sorted[kSmall];
  std::copy(keys, keys + n, sorted);
  std::nth_element(sorted, sorted + drop - 1, sorted + n);
  const uint32_t key = sorted[drop - 1];
  int64_t below = 0;
  for (int64_t i = 0; i < n; ++i) below += keys[i] < key;
  return {key, drop - below};
}

/// How many keys fall into each bucket. Neighbours count into tables of their own: scores lie close
/// together, and an increment that waits for the one before it takes five times as long.
class Histogram {
 public:
  void count(const uint32_t* keys, int64_t n, int shift, uint32_t low) {
    std::memset(tables_, 0, sizeof tables_);
    int64_t i = 0;
    for (; i + kTables <= n; i += kTables) {
      ++tables_[0][(keys[i] >> shift) & low];
      ++tables_[1][(keys[i + 1] >> shift) & low];
      ++tables_[2][(keys[i + 2] >> shift) & low];
      ++tables_[3][(keys[i + 3] >> shift) & low];
    }
    for (; i < n; ++i) ++tables_[0][(keys[i] >> shift) & low];
  }
  int64_t operator[](uint32_t bucket) const {
    int64_t sum = 0;
    for (const auto& table : tables_) sum += table[bucket];
    return sum;
  }

 private:
  static constexpr int64_t kTables = 4;
  uint32_t tables_[kTables][1 << kFirstBits];
};

/// Radix selection: 11 bits first, the candidates of that bucket then by the 11 and 10 bits left.
Cut find_cut(const uint32_t* keys, int64_t n, int64_t drop, std::vector<uint32_t>& candidates) {
  if (n <= kSmall) return cut_small(keys, n, drop);
  uint32_t prefix = 0;
  int shift = 32;
  int64_t left = drop;
  const uint32_t* data = keys;
  int64_t count = n;
  for (const int bits : {kFirstBits, 11, 10}) {
    Histogram histogram;
    shift -= bits;
    const uint32_t low = (1u << bits) - 1;
    histogram.count(data, count, shift, low);
    uint32_t bucket = 0;
    int64_t in_bucket = histogram[0];
    for (; in_bucket < left; in_bucket = histogram[++bucket]) left -= in_bucket;
    prefix |= bucket << shift;
    if (shift == 0) break;
    // Keep this bucket's keys only, without a branch that nobody can predict: each is written, and
    // the place moves on only behind one that stays. In place it reads ahead of what it writes.
    if (data == keys) candidates.resize(static_cast<size_t>(in_bucket) + 1);
    uint32_t* out = candidates.data();
    int64_t kept = 0;
    for (int64_t i = 0; i < count; ++i) {
      out[kept] = data[i];
      kept += ((data[i] >> shift) & low) == bucket;
    }
    data = out;
    count = kept;
  }
  return {prefix, left};
}

void mark(const uint32_t* keys, int64_t n, Cut cut, uint8_t* keep) {
  keep_from(keys, n, cut.key, keep);
  for (int64_t i = 0; cut.equal > 0 && i < n; ++i)
    if (keys[i] == cut.key) keep[i] = 0, --cut.equal;
}

void select(const float* score, int64_t n, int64_t drop, uint8_t* keep, std::vector<uint32_t>& keys,
            std::vector<uint32_t>& candidates) {
  if (drop <= 0 || drop >= n) {
    std::fill(keep, keep + n, static_cast<uint8_t>(drop <= 0));
    return;
  }
  keys.resize(static_cast<size_t>(n));
  to_keys(score, n, keys.data());
  mark(keys.data(), n, find_cut(keys.data(), n, drop, candidates), keep);
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
  std::vector<uint32_t> keys, candidates;
  select(score, n, drop, keep, keys, candidates);
}

void select_rows(const float* score, int64_t rows, int64_t columns, const int64_t* drop,
                 int64_t drop_count, uint8_t* keep) {
  const int64_t grain = std::max<int64_t>(1, 32768 / std::max<int64_t>(columns, 1));
  at::parallel_for(0, rows, grain, [&](int64_t begin, int64_t end) {
    std::vector<uint32_t> keys, candidates;
    for (int64_t r = begin; r < end; ++r)
      select(score + r * columns, columns, drop[drop_count == 1 ? 0 : r], keep + r * columns, keys,
             candidates);
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
