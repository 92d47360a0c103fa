#pragma once
#include <string>

#include "core/batch.h"

namespace bench {

/// A data set of drawn pictures: one to three discs (class 0), squares (1) and triangles (2) of one
/// colour each on a noisy ground. Picture i depends on (seed, size, i) alone, through the
/// addressable streams (kernels/philox.h): nothing is stored.
struct ShapesAddress {
  static constexpr int64_t kClasses = 3, kObjects = 3;
  uint64_t seed = 0;
  int64_t count = 0, size = 64;  // pictures; height and width
  /// "shapes:seed=0,count=512,size=64"; count must be there. An Error names what is wrong.
  static ShapesAddress parse(const std::string& address);
};

/// Pictures [first, first + count), 0 to the end: [n, 3, size, size] in 0..255, labels
/// [n, kObjects, 5] (core/batch.h).
Batch draw_shapes(const ShapesAddress& set, int64_t first, int64_t count);

}  // namespace bench
