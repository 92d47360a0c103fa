#include "tensor/adamw.h"

#include <cmath>

namespace bench {

void AdamW::operator()(Tensor& w, Tensor& first, Tensor& second, const Tensor& gradient,
                       double rate, int64_t index) const {
  if (!first.defined()) first = at::zeros_like(w), second = at::zeros_like(w);
  w.mul_(1 - rate * weight_decay);
  first.mul_(beta1).add_(gradient, 1 - beta1);
  second.mul_(beta2).addcmul_(gradient, gradient, 1 - beta2);
  const double t = static_cast<double>(index + 1);
  const double c1 = 1 - std::pow(beta1, t), c2 = 1 - std::pow(beta2, t);
  w.addcdiv_(first, (second / c2).sqrt_().add_(1e-8), -rate / c1);
}

}  // namespace bench
