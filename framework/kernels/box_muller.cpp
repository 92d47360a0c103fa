// Sums, products, quotients and roots of IEEE alone, each rounded by itself (no contraction: see
// CMakeLists.txt): the same bits on every machine. Coefficients of the logarithm, the sine and the
// cosine: fdlibm 5.3 (e_log.c, k_sin.c, k_cos.c).
#include "kernels/box_muller.h"

#include "kernels/lanes.h"

namespace bench::kernels {
namespace {

using Doubles = double __attribute__((vector_size(kPairs * sizeof(double)), aligned(4)));
using Longs = int64_t __attribute__((vector_size(kPairs * sizeof(int64_t)), aligned(4)));
using Words = uint32_t __attribute__((vector_size(kPairs * sizeof(uint32_t)), aligned(4)));
using Floats = float __attribute__((vector_size(kPairs * sizeof(float)), aligned(4)));

constexpr int64_t kTwo52 = 0x4330000000000000;  // the bits of 2^52: + n is 2^52 + n, exactly

BENCH_INLINE Doubles as_doubles(const Longs& bits) {
  return reinterpret_cast<Doubles>(bits);
}
BENCH_INLINE Longs as_bits(const Doubles& x) {
  return reinterpret_cast<Longs>(x);
}

/// Whole numbers in [0, 2^52).
BENCH_INLINE Doubles to_doubles(const Longs& n) {
  return as_doubles(n | kTwo52) - 0x1p52;
}

/// ln(m 2^-32) of whole numbers m in [1, 2^32]: m = 2^k (1 + f) with 1 + f in [sqrt 1/2, sqrt 2).
BENCH_INLINE Doubles logarithm(const Longs& m) {
  constexpr int64_t kRootHalf = 0x3FE6A09E667F3BCD;  // the bits of sqrt 1/2
  const Longs bits = as_bits(to_doubles(m));
  const Longs k = (bits - kRootHalf) >> 52;
  const Doubles f = as_doubles(bits - (k << 52)) - 1.0;
  const Doubles e = to_doubles(k) - 32.0;
  const Doubles s = f / (f + 2.0), z = s * s, w = z * z;
  const Doubles even = w * (3.999999999940941908e-01 +
                            w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
  const Doubles odd = z * (6.666666666666735130e-01 +
                           w * (2.857142874366239149e-01 +
                                w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
  const Doubles half = 0.5 * f * f;
  return s * (half + (odd + even)) + e * 1.90821492927058770002e-10 - half + f +
         e * 6.93147180369123816490e-01;
}

struct Turned {
  Doubles cosine, sine;
};

/// Of 2 pi v 2^-32, which is rounded once: what is left of whole quarters lies within pi / 4.
BENCH_INLINE Turned turn(const Longs& v) {
  const Doubles t = 6.283185307179586 * (to_doubles(v) * 0x1p-32);
  const Longs quarter = (v + (int64_t{1} << 29)) >> 30;
  const Doubles q = to_doubles(quarter);
  // pi / 2 in two parts, the first of 33 bits, so that q times it is exact.
  const Doubles y = (t - q * 1.57079632673412561417e+00) - q * 6.07710050650619224932e-11;
  const Doubles z = y * y, half = 0.5 * z, w = 1.0 - half;
  const Doubles sine =
      y + z * y *
              (-1.66666666666666324348e-01 +
               z * (8.33333333332248946124e-03 +
                    z * (-1.98412698298579493134e-04 +
                         z * (2.75573137070700676789e-06 + z * (-2.50507602534068634195e-08 +
                                                                z * 1.58969099521155010221e-10)))));
  const Doubles rest =
      z * (4.16666666666666019037e-02 +
           z * (-1.38888888888741095749e-03 +
                z * (2.48015872894767294178e-05 +
                     z * (-2.75573143513906633035e-07 +
                          z * (2.08757232129817482790e-09 + z * -1.13596475577881948265e-11)))));
  const Doubles cosine = w + (((1.0 - w) - half) + z * rest);
  const Longs odd = -(quarter & 1);
  const Longs c = as_bits(cosine), s = as_bits(sine);
  return {as_doubles(((odd & s) | (~odd & c)) ^ (((quarter + 1) & 2) << 62)),
          as_doubles(((odd & c) | (~odd & s)) ^ ((quarter & 2) << 62))};
}

struct Pair {
  Floats first, second;
};

BENCH_INLINE Pair normals(const uint32_t* radius, const uint32_t* angle) {
  const auto wide = [](const uint32_t* x) {
    return __builtin_convertvector(*reinterpret_cast<const Words*>(x), Longs);
  };
  Doubles square = -2.0 * logarithm(wide(radius) + 1), r;
  for (int64_t i = 0; i < kPairs; ++i) r[i] = __builtin_sqrt(square[i]);
  const auto at = turn(wide(angle));
  return {__builtin_convertvector(r * at.cosine, Floats),
          __builtin_convertvector(r * at.sine, Floats)};
}

struct Blocks {
  const uint32_t* const* x;
  int64_t count;
  float* out;
};

BENCH_INLINE void each(const Blocks& blocks) {
  const auto* const* x = blocks.x;
  for (int64_t b = 0; b < blocks.count; b += kPairs) {
    const auto one = normals(x[0] + b, x[1] + b), two = normals(x[2] + b, x[3] + b);
    for (int64_t i = 0; i < kPairs; ++i) {
      float* to = blocks.out + 4 * (b + i);
      to[0] = one.first[i], to[1] = one.second[i], to[2] = two.first[i], to[3] = two.second[i];
    }
  }
}

BENCH_FORMS(run_each, each, Blocks)

}  // namespace

void box_muller(const uint32_t* const x[4], int64_t blocks, float* out) {
  run_each({x, blocks, out});
}

}  // namespace bench::kernels
