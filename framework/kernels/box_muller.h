#pragma once
#include <cstdint>

namespace bench::kernels {

constexpr int64_t kPairs = 8;  // that are computed together

/// Standard normals of the words of Philox blocks (docs/streams.md): of block b and its words
/// x[0..3], out [4 b + 0..3] = r cos t, r sin t of (x0, x1), then of (x2, x3), in float64 and
/// rounded once. `blocks` is a multiple of kPairs. Logarithm, sine and cosine are within 2 ulp of
/// float64; a block's bits do not depend on its neighbours.
void box_muller(const uint32_t* const x[4], int64_t blocks, float* out);

}  // namespace bench::kernels
