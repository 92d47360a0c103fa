#pragma once
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace bench {

/// The type of a model's weights, products and hidden states: float32 | bfloat16 | float16. Sums of
/// norms, softmax, losses, gradients, statistics, scores and repairs are float32 or wider whatever
/// it is (docs/decisions/compute-type.md).
const std::vector<std::string>& compute_types();
/// An Error lists the known ones.
at::ScalarType compute_type(const std::string& name);
std::string name_of(at::ScalarType type);

inline bool is_half(at::ScalarType t) {
  return t == at::kBFloat16 || t == at::kHalf;
}
/// t itself, or as float32 where it is in half precision.
inline Tensor at_least_float(const Tensor& t) {
  return t.defined() && is_half(t.scalar_type()) ? t.to(at::kFloat) : t;
}
/// t in the type of x, with which it is to be multiplied; an undefined one stays so.
inline Tensor as_type_of(const Tensor& t, const Tensor& x) {
  return t.defined() && t.scalar_type() != x.scalar_type() ? t.to(x.scalar_type()) : t;
}

}  // namespace bench
