#include "core/layer.h"

#include "base/error.h"
#include "tensor/rows.h"

namespace bench {
namespace {

Tensor unfold(const Layer& l, const Tensor& x) {
  if (!l.is_conv()) return x.reshape({-1, l.columns()});
  return at::im2col(x, l.weight.sizes().slice(2), {1, 1}, {l.padding, l.padding},
                    {l.stride, l.stride})
      .transpose(1, 2)
      .reshape({-1, l.columns()});
}

}  // namespace

Tensor Layer::operator()(const Tensor& x, const Tensor& which) const {
  if (tap) tap(unfold(*this, x).detach().to(at::kFloat), which);
  if (lens) return lens(*this, x);
  const auto& w = weight;
  const auto in = gate.defined() ? x * (is_conv() ? gate.reshape({1, -1, 1, 1}) : gate) : x;
  if (!is_conv()) return linear_rows(in, w, bias);
  const auto convolve = [&](const Tensor& t) { return at::conv2d(t, as_type_of(w, t), as_type_of(bias, t), stride, padding); };
  const bool grad = at::GradMode::is_enabled() && (w.requires_grad() || in.requires_grad());
  return grad ? convolve(in) : imagewise(in, convolve);
}

void Layer::set_matrix(const Tensor& matrix) {
  at::NoGradGuard no_grad;
  auto w = matrix.to(weight.scalar_type());
  if (mask.defined()) w = w.masked_fill(~mask, 0);
  weight = w.reshape(weight.sizes()).contiguous();
}

void Layer::set_mask(const Tensor& keep) {
  require(keep.scalar_type() == at::kBool && keep.sizes() == flat().sizes(), "a mask's shape");
  mask = mask.defined() ? mask & keep : keep;
  set_matrix(flat());
}

}  // namespace bench
