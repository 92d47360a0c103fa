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

[[gnu::target("avx512f")]] void both_avx512(const Both& b) {
  both(b);
}
[[gnu::target("avx2,fma")]] void both_avx2(const Both& b) {
  both(b);
}
void both_plain(const Both& b) {
  both(b);
}
[[gnu::target("avx512f")]] void add_avx512(const Sum& s) {
  add(s);
}
[[gnu::target("avx2,fma")]] void add_avx2(const Sum& s) {
  add(s);
}
void add_plain(const Sum& s) {
  add(s);
}

}  // namespace

void perturb_both(const float* w, const float* z, float eps, int64_t count, float* plus,
                  float* minus) {
  static const auto run = for_this_machine(both_avx512, both_avx2, both_plain);
  run({w, z, eps, count, plus, minus});
}

void add_scaled(const float* z, float p, int64_t count, float* sum) {
  static const auto run = for_this_machine(add_avx512, add_avx2, add_plain);
  run({z, p, count, sum});
}

}  // namespace bench::kernels
