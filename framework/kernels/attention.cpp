// A model with small heads spends most of its time in attention, and a general kernel most of that
// on copies, masks and narrow products. Here keys are packed with the lanes along the sequence, so
// that heads of 8 fill a vector as well as heads of 64, and nothing beyond the diagonal is
// computed.
#include "kernels/attention.h"

#include <algorithm>
#include <vector>

#include "tensor/tensor.h"
#include "kernels/lanes.h"

namespace bench::kernels {
namespace {

int64_t up(int64_t n) {
  return (n + kLanes - 1) / kLanes * kLanes;
}

constexpr int64_t kBlock = 4 * kLanes;  // keys that are looked at together

int64_t blocks(int64_t keys) {
  return (keys + kBlock - 1) / kBlock;
}

/// Keys and values of one head, cut into blocks as the rows read them; zero behind the last key.
/// Values of narrow heads lie like the keys, those of wide ones key by key.
struct Packed {
  std::vector<float> k;  // [blocks][channels][kBlock]
  std::vector<float> v;  // [blocks][kNarrow][kBlock], or [keys][up(head_dim)]
};

constexpr int64_t kNarrow = 8;
bool narrow(int64_t head_dim) {
  return head_dim <= kNarrow;
}

void pack_across(const float* from, int64_t stride, const AttentionShape& s,
                 std::vector<float>& to) {
  const int64_t channels = std::max(s.head_dim, kNarrow);
  to.assign(static_cast<size_t>(blocks(s.keys) * channels * kBlock), 0);
  for (int64_t t = 0; t < s.keys; ++t) {
    float* here = to.data() + t / kBlock * channels * kBlock + t % kBlock;
    for (int64_t c = 0; c < s.head_dim; ++c) here[c * kBlock] = from[t * stride + c];
  }
}

void pack(const float* k, const float* v, const AttentionShape& s, Packed& to) {
  pack_across(k, s.k_stride, s, to.k);
  if (narrow(s.head_dim)) return pack_across(v, s.v_stride, s, to.v);
  const int64_t wide = up(s.head_dim);
  to.v.assign(static_cast<size_t>(s.keys * wide), 0);
  for (int64_t t = 0; t < s.keys; ++t)
    std::copy_n(v + t * s.v_stride, s.head_dim, to.v.data() + t * wide);
}

struct Row {
  const float* q;      // [head_dim], scaled
  int64_t first, end;  // keys that it sees
  float slope;
  int64_t from() const { return first / kBlock; }
  int64_t to() const { return blocks(end); }
};

#define BENCH_FOUR _Pragma("GCC unroll 4") for (int b = 0; b < 4; ++b)

/// score <- q k^T + slope * position, -inf for keys that the row does not see; returns the maximum.
BENCH_INLINE float scores(const Row& r, const Packed& p, int64_t channels, float* score) {
  const Lanes count{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  Lanes highest = Lanes{} - kInfinity;
  for (int64_t block = r.from(); block < r.to(); ++block) {
    const float* k = p.k.data() + block * channels * kBlock;
    Lanes sum[4] = {};
    for (int64_t c = 0; c < channels; ++c, k += kBlock)
      BENCH_FOUR sum[b] += r.q[c] * lanes(k + b * kLanes);
    const int64_t t = block * kBlock;
    if (r.slope != 0) BENCH_FOUR sum[b] += r.slope * (count + static_cast<float>(t + b * kLanes));
    if (t < r.first || t + kBlock > r.end) BENCH_FOUR {
        const Lanes place = count + static_cast<float>(t + b * kLanes);
        const Ints unseen =
            (place < static_cast<float>(r.first)) | (place >= static_cast<float>(r.end));
        sum[b] = unseen ? Lanes{} - kInfinity : sum[b];
      }
    BENCH_FOUR {
      highest = sum[b] > highest ? sum[b] : highest;
      lanes(score + t + b * kLanes) = sum[b];
    }
  }
  float top = -kInfinity;
  for (int64_t i = 0; i < kLanes; ++i) top = std::max(top, highest[i]);
  return top;
}

BENCH_INLINE float total(const Lanes& x) {
  float sum = 0;
  for (int64_t i = 0; i < kLanes; ++i) sum += x[i];
  return sum;
}

/// score <- exp(score - top); returns the sum.
BENCH_INLINE float exponentials(const Row& r, float top, float* score) {
  Lanes sum[4] = {};
  for (int64_t t = r.from() * kBlock; t < r.to() * kBlock; t += kBlock) BENCH_FOUR {
      Lanes e = lanes(score + t + b * kLanes) - top;
      exponential(e);
      lanes(score + t + b * kLanes) = e;
      sum[b] += e;
    }
  return total((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

/// out [kNarrow] = sum over keys of score times value, lanes along the keys.
BENCH_INLINE void narrow_values(const Row& r, const Packed& p, const float* score, float over,
                                float* out) {
  Lanes sum[kNarrow] = {};
  for (int64_t block = r.from(); block < r.to(); ++block) {
    const float* v = p.v.data() + block * kNarrow * kBlock;
    const float* s = score + block * kBlock;
#pragma GCC unroll 8
    for (int c = 0; c < kNarrow; ++c)
      BENCH_FOUR sum[c] += lanes(s + b * kLanes) * lanes(v + c * kBlock + b * kLanes);
  }
  for (int64_t c = 0; c < kNarrow; ++c) out[c] = total(sum[c]) * over;
}

/// The same for wide heads, lanes along the head; four sums take turns.
template <int kVectors>
BENCH_INLINE void wide_values(const Row& r, const Packed& p, const float* score, float over,
                              float* out) {
  constexpr int64_t kWide = kVectors * kLanes;
  Lanes sum[4][kVectors] = {};
  int64_t t = r.first;
  for (; t + 4 <= r.end; t += 4) {
    const float* v = p.v.data() + t * kWide;
    BENCH_FOUR for (int i = 0; i < kVectors; ++i) sum[b][i] +=
        score[t + b] * lanes(v + b * kWide + i * kLanes);
  }
  for (; t < r.end; ++t)
    for (int i = 0; i < kVectors; ++i)
      sum[0][i] += score[t] * lanes(p.v.data() + t * kWide + i * kLanes);
  for (int i = 0; i < kVectors; ++i)
    lanes(out + i * kLanes) = ((sum[0][i] + sum[1][i]) + (sum[2][i] + sum[3][i])) * over;
}

struct Task {
  const Packed& packed;
  const AttentionShape& s;
  int64_t head, begin, end;  // queries
};

/// kVectors: of a wide head's values; 0: a narrow head.
template <int kVectors>
BENCH_INLINE void rows(const Task& task, const float* q, float* score, float* out) {
  const auto& s = task.s;
  const int64_t channels = std::max(s.head_dim, kNarrow);
  float scaled[kMaxHeadDim] = {}, line[kMaxHeadDim];
  for (int64_t i = task.begin; i < task.end; ++i) {
    const float* from = q + i * s.q_stride + task.head * s.head_dim;
    for (int64_t c = 0; c < s.head_dim; ++c) scaled[c] = from[c] * s.scale;
    const int64_t end = s.keys - s.queries + i + 1;
    const int64_t first = s.window > 0 ? std::max<int64_t>(0, end - s.window) : 0;
    const Row row{scaled, first, end, s.slopes ? s.slopes[task.head] : 0};
    const float top = scores(row, task.packed, channels, score);
    const float over = 1 / exponentials(row, top, score);
    if constexpr (kVectors == 0)
      narrow_values(row, task.packed, score, over, line);
    else
      wide_values<kVectors>(row, task.packed, score, over, line);
    std::copy_n(line, s.head_dim, out + (i * s.heads + task.head) * s.head_dim);
  }
}

BENCH_INLINE void rows_of(const Task& task, const float* q, float* score, float* out) {
  if (narrow(task.s.head_dim)) return rows<0>(task, q, score, out);
  if (task.s.head_dim <= kLanes) return rows<1>(task, q, score, out);
  rows<2>(task, q, score, out);
}

[[gnu::target("avx512f")]] void rows_avx512(const Task& t, const float* q, float* s, float* o) {
  rows_of(t, q, s, o);
}
[[gnu::target("avx2,fma")]] void rows_avx2(const Task& t, const float* q, float* s, float* o) {
  rows_of(t, q, s, o);
}
void rows_plain(const Task& t, const float* q, float* s, float* o) {
  rows_of(t, q, s, o);
}

}  // namespace

void causal_attention(const float* q, const float* k, const float* v, const AttentionShape& s,
                      float* out) {
  static const auto run = for_this_machine(rows_avx512, rows_avx2, rows_plain);
  const int64_t threads = at::in_parallel_region() ? 1 : at::get_num_threads();
  // Each task packs the keys it reads: once a head where there are heads enough.
  const int64_t parts = s.kv_heads >= threads ? 1 : std::min(2 * threads, s.queries);
  const int64_t group = s.heads / s.kv_heads, step = (s.queries + parts - 1) / parts;
  at::parallel_for(0, s.kv_heads * parts, 1, [&](int64_t from, int64_t to) {
    Packed packed;
    std::vector<float> score(static_cast<size_t>(blocks(s.keys) * kBlock));
    for (int64_t i = from; i < to; ++i) {
      const int64_t head = i / parts, begin = i % parts * step;
      if (i == from || i % parts == 0)
        pack(k + head * s.head_dim, v + head * s.head_dim, s, packed);
      for (int64_t h = head * group; h < (head + 1) * group; ++h)
        run({packed, s, h, begin, std::min(begin + step, s.queries)}, q, score.data(), out);
    }
  });
}

}  // namespace bench::kernels
