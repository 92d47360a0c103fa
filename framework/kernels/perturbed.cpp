#include "kernels/perturbed.h"

#include "kernels/lanes.h"

namespace bench::kernels {
namespace {

struct Both {
  const float *w, *z;
  float eps;
  int64_t count;
  float *plus, *minus;
};

BENCH_INLINE void both(const Both& b) {
  int64_t i = 0;
  for (; i + kLanes <= b.count; i += kLanes) {
    const Lanes w = lanes(b.w + i), d = b.eps * lanes(b.z + i);
    lanes(b.plus + i) = w + d;
    lanes(b.minus + i) = w - d;
  }
  for (; i < b.count; ++i) {
    const float d = b.eps * b.z[i];
    b.plus[i] = b.w[i] + d;
    b.minus[i] = b.w[i] - d;
  }
}

struct Sum {
  const float* z;
  float p;
  int64_t count;
  float* sum;
};

BENCH_INLINE void add(const Sum& s) {
  int64_t i = 0;
  for (; i + kLanes <= s.count; i += kLanes) lanes(s.sum + i) += s.p * lanes(s.z + i);
  for (; i < s.count; ++i) s.sum[i] += s.p * s.z[i];
}

BENCH_FORMS(run_both, both, Both)
BENCH_FORMS(run_add, add, Sum)

}  // namespace

void perturb_both(const float* w, const float* z, float eps, int64_t count, float* plus,
                  float* minus) {
  run_both({w, z, eps, count, plus, minus});
}

void add_scaled(const float* z, float p, int64_t count, float* sum) {
  run_add({z, p, count, sum});
}

}  // namespace bench::kernels
