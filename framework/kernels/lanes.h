#pragma once
#include <cstdint>
#include <limits>

// Sixteen floats at a time, for kernels that are compiled for several machines: everything here is
// inlined into functions with a target of their own.
namespace bench::kernels {

#define BENCH_INLINE [[gnu::always_inline]] inline

constexpr int64_t kLanes = 16;
using Lanes = float __attribute__((vector_size(kLanes * sizeof(float)), aligned(4)));
using Ints = int32_t __attribute__((vector_size(kLanes * sizeof(int32_t)), aligned(4)));

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// x <- exp(x) for x <= 0: 2^n times a polynomial of the rest (Cephes expf).
BENCH_INLINE void exponential(Lanes& x) {
  constexpr float kLowest = -87.0f;     // below, the result is 0 here and no normal number anywhere
  constexpr float kRound = 12582912.f;  // 1.5 * 2^23: adding it rounds to a whole number
  const Ints gone = x < kLowest;
  const Lanes t = gone ? Lanes{} + kLowest : x;
  const Lanes shifted = t * 1.44269504088896341f + kRound;
  const Lanes n = shifted - kRound;
  const Lanes r = t - n * 0.693359375f + n * 2.12194440e-4f;
  Lanes p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  const Ints bits = reinterpret_cast<Ints>(p) +
                    (reinterpret_cast<Ints>(shifted) << 23);  // the same bits as whole numbers
  x = gone ? Lanes{} : reinterpret_cast<Lanes>(bits);
}

BENCH_INLINE const Lanes& lanes(const float* p) {
  return *reinterpret_cast<const Lanes*>(p);
}
BENCH_INLINE Lanes& lanes(float* p) {
  return *reinterpret_cast<Lanes*>(p);
}

/// The form of a kernel for the processor at hand.
template <class F>
F* for_this_machine(F* avx512, F* avx2, F* plain) {
  if (__builtin_cpu_supports("avx512f")) return avx512;
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? avx2 : plain;
}

/// Makes `name(const Task&)` of an inlined `body(const Task&)`: compiled for each machine.
#define BENCH_FORMS(name, body, Task)                                                   \
  [[gnu::target("avx512f")]] inline void body##_avx512(const Task& task) {              \
    body(task);                                                                         \
  }                                                                                     \
  [[gnu::target("avx2,fma")]] inline void body##_avx2(const Task& task) {               \
    body(task);                                                                         \
  }                                                                                     \
  inline void body##_plain(const Task& task) {                                          \
    body(task);                                                                         \
  }                                                                                     \
  inline void name(const Task& task) {                                                  \
    static const auto run = for_this_machine(body##_avx512, body##_avx2, body##_plain); \
    run(task);                                                                          \
  }

}  // namespace bench::kernels
