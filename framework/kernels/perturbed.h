#pragma once
#include <cstdint>

namespace bench::kernels {

/// plus <- w + eps z, minus <- w - eps z; eps z is rounded once, each sum once more.
void perturb_both(const float* w, const float* z, float eps, int64_t count, float* plus,
                  float* minus);
/// sum <- sum + p z, product and sum rounded by themselves.
void add_scaled(const float* z, float p, int64_t count, float* sum);

}  // namespace bench::kernels
