#pragma once
#include "core/update.h"

namespace bench {

/// Optimal Brain Surgeon from left to right (SparseGPT, GPTQ): what each column loses, because
/// weights go or move to another value, is spread over the columns to its right.
struct ColumnSweep {
  const Tensor& inverse_factor;  // U [in, in]: upper Cholesky factor of the inverse Hessian
  int64_t slab = 128;            // columns whose updates are applied to the rest together
  /// Chooses masks on the weights as updated so far (slab by slab, or m columns by m); null: the
  /// mask is given.
  const Site* reselect = nullptr;
  /// What the kept weights of a column become, [out]; `weight`: all columns as the slabs before
  /// left them. Empty: what they are.
  std::function<Tensor(int64_t column, const Tensor& kept, const Tensor& weight)> become = {};

  /// weight [out, in] float32 and mask, both in place; outside the mask weights are 0 at the end.
  void run(Tensor& weight, Tensor& mask) const;

 private:
  /// One slab; returns the errors E [out, slab].
  Tensor slab_of(Tensor& weight, Tensor& mask, int64_t begin, int64_t end) const;
};

}  // namespace bench
