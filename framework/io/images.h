#pragma once
#include <string>

#include "core/batch.h"

namespace bench {

/// Records [first, first + count) of a CIFAR-10 binary file (3,073 bytes each: label, then the
/// planes R, G, B): images float32 0..255 [n, 3, 32, 32] and labels. count 0: to the end.
Batch read_cifar(const std::string& file, int64_t first, int64_t count);

}  // namespace bench
