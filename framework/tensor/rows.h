#pragma once
#include <functional>

#include "tensor/tensor.h"

namespace bench {

/// Rows (dim 0) are processed in tiles, each on one thread, the last one filled up with zero rows
/// to a multiple of 16: a row's result then depends on nothing but the row, whatever else is in the
/// batch and however many threads run (docs/decisions/row-tiles.md).
///
/// On a GPU, whose libraries choose a kernel by the shape, every tile has the same number of rows:
/// 1,024, or 128 images.

/// f applied tile by tile: [n, ...] -> [n, ...] where f keeps dim 0. In grad mode f is applied once
/// to the whole, since tiles cannot be differentiated through; callers then run on one thread.
Tensor rowwise(const Tensor& x, const std::function<Tensor(const Tensor&)>& f);
/// The same for images: x is [n, channels, height, width].
Tensor imagewise(const Tensor& x, const std::function<Tensor(const Tensor&)>& f);
/// The same for a function of two matrices with equal rows.
Tensor rowwise(const Tensor& x, const Tensor& y,
               const std::function<Tensor(const Tensor&, const Tensor&)>& f);

/// x w^T + b by row tiles, in the type of x; x: [n, in], w: [out, in], b: [out] or undefined.
Tensor linear_rows(const Tensor& x, const Tensor& w, const Tensor& b);

/// a b by tiles of a's rows, each on one thread: Gram matrices with the same bits on any thread
/// count.
Tensor matmul_rows(const Tensor& a, const Tensor& b);

/// One thread until the end of the scope: for passes whose bits would depend on the thread count.
class SingleThread {
 public:
  SingleThread() : before_(at::get_num_threads()) {
    if (before_ != 1) at::set_num_threads(1);
  }
  ~SingleThread() {
    if (before_ != 1) at::set_num_threads(before_);
  }
  SingleThread(const SingleThread&) = delete;
  SingleThread& operator=(const SingleThread&) = delete;

 private:
  int before_;
};

}  // namespace bench
