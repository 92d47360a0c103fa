#include "kernels/exponentials.h"

#include <algorithm>

#include "kernels/lanes.h"

namespace bench::kernels {
namespace {

static_assert(kSumLanes == kLanes);

struct Chunk {
  const float* logits;
  int64_t rows, columns;
  const float *before, *most;
  float* sums;
};

BENCH_INLINE void add_rows(const Chunk& c) {
  for (int64_t r = 0; r < c.rows; ++r) {
    const float* x = c.logits + r * c.columns;
    const float top = c.most[r];
    Lanes factor = Lanes{} + (c.before[r] - top);
    exponential(factor);
    Lanes sum = lanes(c.sums + r * kLanes) * factor;
    int64_t at = 0;
    for (; at + kLanes <= c.columns; at += kLanes) {
      Lanes e = lanes(x + at) - top;
      exponential(e);
      sum += e;
    }
    if (at < c.columns) {
      float rest[kLanes];
      std::fill_n(std::copy(x + at, x + c.columns, rest), kLanes - (c.columns - at), -kInfinity);
      Lanes e = lanes(rest) - top;
      exponential(e);
      sum += e;
    }
    lanes(c.sums + r * kLanes) = sum;
  }
}

BENCH_FORMS(run_add, add_rows, Chunk)

}  // namespace

void add_exponentials(const float* logits, int64_t rows, int64_t columns, const float* before,
                      const float* most, float* sums) {
  run_add({logits, rows, columns, before, most, sums});
}

}  // namespace bench::kernels
