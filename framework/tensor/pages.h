#pragma once
#include <cstddef>

#include "tensor/tensor.h"

namespace bench {

// Tensors whose memory a file stands behind: a checkpoint that is mapped, or a scratch file. Such
// pages may leave memory at any time, and come back when they are read.

/// A stretch of memory that a file stands behind, and nobody writes to, until it is let go.
class MappedRange {
 public:
  MappedRange(const void* begin, size_t bytes);
  ~MappedRange();
  MappedRange(const MappedRange&) = delete;
  MappedRange& operator=(const MappedRange&) = delete;

 private:
  const char* begin_;
};

/// Whether all of a tensor lies in such a stretch.
bool is_mapped(const Tensor& t);

/// The pages of a mapped tensor leave memory: it was read for now. Of any other tensor: nothing.
void rest(const Tensor& t);

/// The same values behind a scratch file: what was computed leaves memory as a checkpoint does. A
/// tensor that is mapped already, is small, or does not live on the CPU, is handed back as it is.
/// The file has no name, and is gone with the tensor; its folder: BENCH_SCRATCH, else /var/tmp.
/// An Error names the folder where it cannot be written.
Tensor stow(const Tensor& t);

}  // namespace bench
