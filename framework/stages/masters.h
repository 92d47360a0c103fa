#pragma once
#include <vector>

#include "tensor/compute_type.h"

namespace bench {

/// Values that are trained are float32 while they are: steps of an optimizer are smaller than the
/// last bit of half precision. At the end of the scope each has its own type again.
class Masters {
 public:
  void hold(Tensor& value) {
    if (!value.defined() || !is_half(value.scalar_type())) return;
    held_.emplace_back(&value, value.scalar_type());
    value = value.to(at::kFloat);
  }
  Masters() = default;
  ~Masters() {
    at::NoGradGuard no_grad;
    for (auto& [value, type] : held_)
      if (value->defined()) *value = value->detach().to(type);
  }
  Masters(const Masters&) = delete;
  Masters& operator=(const Masters&) = delete;

 private:
  std::vector<std::pair<Tensor*, at::ScalarType>> held_;
};

}  // namespace bench
