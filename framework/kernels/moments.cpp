#include "kernels/moments.h"

#include <algorithm>
#include <cmath>

#include "tensor/tensor.h"

namespace bench::kernels {
namespace {

/// No fused multiply-add in either clone: the same bits on every machine.
[[gnu::optimize("O3"), gnu::target_clones("avx2", "default")]] void add_row(
    const float* __restrict__ x, int64_t n, double* __restrict__ sum, double* __restrict__ abs_sum,
    double* __restrict__ square_sum) {
  for (int64_t c = 0; c < n; ++c) {
    const double v = x[c];
    sum[c] += v;
    abs_sum[c] += std::abs(v);
    square_sum[c] += v * v;
  }
}

constexpr int64_t kColumns = 512;  // three sums of so many stay in the first-level cache

}  // namespace

void add_moments(const float* x, int64_t rows, int64_t columns, double* sum, double* abs_sum,
                 double* square_sum) {
  const int64_t blocks = (columns + kColumns - 1) / kColumns;
  at::parallel_for(0, blocks, 1, [&](int64_t first, int64_t last) {
    for (int64_t b = first; b < last; ++b) {
      const int64_t begin = b * kColumns, n = std::min(kColumns, columns - begin);
      for (int64_t r = 0; r < rows; ++r)
        add_row(x + r * columns + begin, n, sum + begin, abs_sum + begin, square_sum + begin);
    }
  });
}

}  // namespace bench::kernels
