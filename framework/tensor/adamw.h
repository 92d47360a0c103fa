#pragma once
#include "tensor/tensor.h"

namespace bench {

/// AdamW with decoupled decay, epsilon 1e-8 (Loshchilov & Hutter 2019, arXiv 1711.05101; PyTorch's
/// torch/optim/adamw.py).
struct AdamW {
  double beta1 = 0.9, beta2 = 0.999, weight_decay = 0;

  /// Step `index`, from 0, on `w` in place; the moments are made with the first step.
  void operator()(Tensor& w, Tensor& first, Tensor& second, const Tensor& gradient, double rate,
                  int64_t index) const;
};

}  // namespace bench
