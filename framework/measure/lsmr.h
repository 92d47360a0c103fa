#pragma once
#include "tensor/tensor.h"

namespace bench {

/// Least squares with damping by Golub-Kahan bidiagonalisation (Fong and Saunders 2011, LSMR: an
/// iterative algorithm for sparse least-squares problems, SIAM J. Sci. Comput. 33(5)).
struct Lsmr {
  Tensor x;  // float64 [n]
  /// Why it stopped. 0: x = 0 solves it. 1: A x is b up to the tolerance. 2: the normal equations
  /// hold up to it. 3, 6: the condition is too large. 4, 5: as 1, 2, up to the machine's precision.
  /// 7: too many iterations.
  int reason = 0;
  int64_t iterations = 0;
};

/// min |A x - b|^2 + damp^2 |x|^2. a: [m, n], b: [m]; arithmetic in float64, one thread. The stop
/// rule has tolerances of 1e-6 for both and a condition of 1e8 at most.
Lsmr lsmr(const Tensor& a, const Tensor& b, double damp, int64_t most_iterations);

}  // namespace bench
