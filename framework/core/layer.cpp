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
  if (low_rank.u.defined()) {
    const auto y = linear_rows(linear_rows(in, low_rank.v, {}), low_rank.u, bias);
    return low_rank.alone ? y : y + linear_rows(in, w, {});
  }
  if (!is_conv()) return linear_rows(in, w, bias);
  const auto convolve = [&](const Tensor& t) {
    return at::conv2d(t, as_type_of(w, t), as_type_of(bias, t), stride, padding);
  };
  const bool grad = at::GradMode::is_enabled() && (w.requires_grad() || in.requires_grad());
  return grad ? convolve(in) : imagewise(in, convolve);
}

void Layer::set_matrix(const Tensor& matrix) {
  at::NoGradGuard no_grad;
  auto w = matrix.to(weight.scalar_type());
  if (mask.defined()) w = w.masked_fill(~mask, 0);
  weight = w.reshape(weight.sizes()).contiguous();
  format.reset();
  if (low_rank.alone) low_rank.alone = !w.any().item<bool>();
}

void Layer::set_mask(const Tensor& keep) {
  require(keep.scalar_type() == at::kBool && keep.sizes() == flat().sizes(), "a mask's shape");
  mask = mask.defined() ? mask & keep : keep;
  const auto before = quantised() ? format : nullptr;
  set_matrix(flat());
  if (before) describe(*before);
}

void Layer::describe(Format how) {
  how.weight = weight;
  format = std::make_shared<const Format>(std::move(how));
}

void Layer::set_levels(const Tensor& levels, Format how) {
  at::NoGradGuard no_grad;
  const auto scale = how.scale.index_select(1, how.group_of);
  const auto zero = how.zero.index_select(1, how.group_of);
  set_matrix((scale * (levels.cpu().to(at::kFloat) - zero)).to(weight.device()));
  describe(std::move(how));
}

Tensor Layer::levels() const {
  const auto* f = quantised();
  require(f, "a weight that is quantised");
  const auto scale = f->scale.index_select(1, f->group_of);
  const auto zero = f->zero.index_select(1, f->group_of);
  return ((matrix().cpu().to(at::kFloat) / scale).round() + zero).to(at::kInt);
}

void Layer::set_low_rank(const Tensor& u, const Tensor& v, const Tensor& rest) {
  at::NoGradGuard no_grad;
  require(!is_conv() && u.size(0) == rows() && v.size(1) == columns() && u.size(1) == v.size(0),
          "factors' shapes");
  set_matrix(rest.defined() ? rest : at::zeros_like(matrix()));
  low_rank = {u.to(weight.scalar_type()).contiguous(), v.to(weight.scalar_type()).contiguous(),
              !rest.defined()};
}

int64_t Layer::parameters() const {
  if (!low_rank.u.defined()) return weight.numel();
  return low_rank.u.numel() + low_rank.v.numel() + (low_rank.alone ? 0 : weight.numel());
}

double Format::bytes() const {
  const auto stored = [&](const Tensor& t) { return static_cast<double>(t.numel()); };
  const auto levels = stored(weight) + (symmetric ? 0 : stored(zero));
  return levels * static_cast<double>(bits) / 8 + 4 * stored(scale);
}

}  // namespace bench
