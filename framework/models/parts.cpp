#include "models/parts.h"

#include <cmath>

#include "base/near.h"

namespace bench {

Layer take_layer(const Checkpoint& c, const std::string& name) {
  Layer l;
  l.name = name;
  l.weight = c.take(name + ".weight");
  l.bias = c.take_if(name + ".bias");
  return l;
}

void expect_shape(const Checkpoint& c, const Tensor& t, const std::string& name,
                  at::IntArrayRef shape) {
  // A folder of our own compact layout keeps the dense config beside narrower weights.
  bool fits = t.dim() == static_cast<int64_t>(shape.size());
  const bool compact = c.config.is_object() && c.config.contains("prunebench");
  for (size_t d = 0; d < shape.size() && fits; ++d) {
    const auto size = t.size(static_cast<int64_t>(d));
    fits = compact ? size <= shape[d] : size == shape[d];
  }
  if (!fits)
    fail("{}: tensor {} is {}, where config.json asks for {}", c.folder.string(), name,
         fmt::format("[{}]", fmt::join(t.sizes(), ", ")),
         fmt::format("[{}]", fmt::join(shape, ", ")));
}

namespace {

/// Row by row; at once where the norm's own scale or shift is differentiated, which tiles cannot be
/// where x itself is not.
template <class F>
Tensor by_rows(const Norm& norm, const Tensor& x, F f) {
  const auto learns = [](const Tensor& t) { return t.defined() && t.requires_grad(); };
  if (at::GradMode::is_enabled() && (learns(norm.weight) || learns(norm.bias))) return f(x);
  return rowwise(x, f);
}

}  // namespace

Tensor Norm::operator()(const Tensor& x) const {
  if (name.empty()) return x;
  if (turned.defined()) return on_turned(x);
  if (alive.defined()) return over_alive(x);
  const auto by_wide = factor();
  const auto by = as_type_of(by_wide, x), plus = as_type_of(bias, x);
  return by_rows(*this, x, [&](const Tensor& t) {
    if (!rms) return at::layer_norm(t, {t.size(-1)}, by, plus, eps);
    const auto wide = at_least_float(t);
    const auto y = wide * at::rsqrt(wide.square().mean(-1, true) + eps);
    // Half precision: rounded before the factor, as transformers' LlamaRMSNorm does; not where one
    // is added to it (GemmaRMSNorm).
    if (one_more) return (by_wide * y).to(t.scalar_type());
    return by * as_type_of(y, t);
  });
}

Tensor Norm::by_head(const Tensor& x, int64_t head_dim) const {
  if (name.empty()) return x;
  const auto heads = x.reshape({-1, head_dim});
  if (weight.dim() == 1) return (*this)(heads).reshape(x.sizes());
  auto plain = *this;
  plain.weight = Tensor();
  const auto y = plain(heads).reshape({x.size(0), -1, head_dim});
  return by_rows(*this, y, [&](const Tensor& t) { return t * as_type_of(weight, t); })
      .reshape(x.sizes());
}

Tensor Norm::over_alive(const Tensor& x) const {
  const auto there = alive.to(at_least_float(x).scalar_type());
  const auto count = there.sum();
  return by_rows(*this, x, [&](const Tensor& narrow) {
    const auto t = at_least_float(narrow);
    const auto mean = rms ? at::zeros({1}, t.options()) : (t * there).sum(-1, true) / count;
    const auto d = (t - mean) * there;
    auto y = d * at::rsqrt(d.square().sum(-1, true) / count + eps);
    if (weight.defined()) y = y * factor();
    return as_type_of(bias.defined() ? y + bias : y, narrow);
  });
}

Tensor Norm::on_turned(const Tensor& x) const {
  const auto stored = turned.cpu();
  const auto* how = stored.const_data_ptr<double>();
  return rowwise(x, [&](const Tensor& t) {
    const auto wide = at_least_float(t);
    return as_type_of(wide * at::rsqrt(wide.square().sum(-1, true) / how[0] + how[1]), t);
  });
}

namespace {
Tensor silu(const Tensor& x) {
  return at::silu(x);
}
Tensor gelu(const Tensor& x) {
  return at::gelu(x);
}
Tensor gelu_tanh(const Tensor& x) {
  return at::gelu(x, "tanh");
}
Tensor relu(const Tensor& x) {
  return at::relu(x);
}
Tensor relu2(const Tensor& x) {
  return at::relu(x).square();
}
}  // namespace

Activation activation(const std::string& name, const std::string& where) {
  static const std::map<std::string, Activation> kAll{{"silu", silu},
                                                      {"swish", silu},
                                                      {"gelu", gelu},
                                                      {"gelu_new", gelu_tanh},
                                                      {"gelu_fast", gelu_tanh},
                                                      {"gelu_tanh", gelu_tanh},
                                                      {"gelu_pytorch_tanh", gelu_tanh},
                                                      {"relu", relu},
                                                      {"relu2", relu2}};
  const auto it = kAll.find(name);
  if (it != kAll.end()) return it->second;
  std::vector<std::string> known;
  for (const auto& [n, f] : kAll) known.push_back(n);
  fail("{}: the activation '{}' is not supported{}", where, name, suggestion(name, known));
}

Tensor by_rows(const Tensor& x, at::ArrayRef<const Layer*> layers,
               const std::function<Tensor(const Tensor&)>& f) {
  const bool grad = at::GradMode::is_enabled();  // x may be no part of a graph that begins here
  for (const Layer* l : layers)
    if (l->tap || l->lens || (grad && l->learns())) return f(x);
  return rowwise(x, f);
}

}  // namespace bench
