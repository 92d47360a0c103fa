#include "models/parts.h"

#include <cmath>

#include "base/near.h"
#include "kernels/attention.h"

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

Tensor Norm::operator()(const Tensor& x) const {
  if (turned.defined()) return on_turned(x);
  if (alive.defined()) return over_alive(x);
  return rowwise(x, [&](const Tensor& t) {
    if (!rms) return at::layer_norm(t, {t.size(-1)}, weight, bias, eps);
    const auto scale = at::rsqrt(t.square().mean(-1, true) + eps);
    return weight * (t * scale);
  });
}

Tensor Norm::over_alive(const Tensor& x) const {
  const auto there = alive.to(x.scalar_type());
  const auto count = there.sum();
  return rowwise(x, [&](const Tensor& t) {
    const auto mean = rms ? at::zeros({1}, t.options()) : (t * there).sum(-1, true) / count;
    const auto d = (t - mean) * there;
    auto y = d * at::rsqrt(d.square().sum(-1, true) / count + eps);
    if (weight.defined()) y = y * weight;
    return bias.defined() ? y + bias : y;
  });
}

Tensor Norm::on_turned(const Tensor& x) const {
  const auto stored = turned.cpu();
  const auto* how = stored.const_data_ptr<double>();
  return rowwise(x, [&](const Tensor& t) {
    return t * at::rsqrt(t.square().sum(-1, true) / how[0] + how[1]);
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
}  // namespace

Activation activation(const std::string& name, const std::string& where) {
  static const std::map<std::string, Activation> kAll{{"silu", silu},
                                                      {"swish", silu},
                                                      {"gelu", gelu},
                                                      {"gelu_new", gelu_tanh},
                                                      {"gelu_fast", gelu_tanh},
                                                      {"gelu_tanh", gelu_tanh},
                                                      {"gelu_pytorch_tanh", gelu_tanh},
                                                      {"relu", relu}};
  const auto it = kAll.find(name);
  if (it != kAll.end()) return it->second;
  std::vector<std::string> known;
  for (const auto& [n, f] : kAll) known.push_back(n);
  fail("{}: the activation '{}' is not supported{}", where, name, suggestion(name, known));
}

Tensor by_rows(const Tensor& x, std::initializer_list<const Layer*> layers,
               const std::function<Tensor(const Tensor&)>& f) {
  const bool grad = at::GradMode::is_enabled();  // x may be no part of a graph that begins here
  for (const Layer* l : layers)
    if (l->tap || l->lens || (grad && l->weight.requires_grad())) return f(x);
  return rowwise(x, f);
}

namespace {

/// Keys of a segment and its ancestors, end to end: [length, columns].
Tensor with_ancestors(const Tensor& x, const Batch& batch, const std::vector<int64_t>& line) {
  std::vector<Tensor> parts;
  for (const auto s : line) {
    const auto begin = batch.starts[static_cast<size_t>(s)];
    parts.push_back(x.narrow(0, begin, batch.starts[static_cast<size_t>(s) + 1] - begin));
  }
  return parts.size() == 1 ? parts[0] : at::cat(parts);
}

/// Additive mask [1, heads or 1, queries, keys]: causal, window and ALiBi together.
Tensor bias_of(int64_t queries, int64_t keys, const Attention& how, const Tensor& like) {
  const auto opts = like.options();
  const auto key = at::arange(keys, opts.dtype(at::kLong)).unsqueeze(0);
  const auto query = at::arange(keys - queries, keys, opts.dtype(at::kLong)).unsqueeze(1);
  auto hidden = key > query;
  if (how.window > 0) hidden = hidden | (key <= query - how.window);
  auto bias = at::zeros({queries, keys}, opts);
  if (how.slopes.defined())
    bias = how.slopes.to(opts).reshape({-1, 1, 1}) * key.to(opts.dtype()).unsqueeze(0) +
           bias.unsqueeze(0);
  else
    bias = bias.unsqueeze(0);
  return bias.masked_fill(hidden.unsqueeze(0), -std::numeric_limits<double>::infinity())
      .unsqueeze(0);
}

/// Where our own kernel is faster (kernels/attention.h): heads of up to 16, wider ones that need a
/// mask.
bool small_heads(const Tensor& q, bool needs_mask, const Attention& how) {
  return q.is_cpu() && q.scalar_type() == at::kFloat &&
         how.head_dim <= (needs_mask ? kernels::kMaxHeadDim : kernels::kMaxHeadDim / 2) &&
         !(at::GradMode::is_enabled() && q.requires_grad());
}

Tensor attend_small(const Tensor& q, const Tensor& k, const Tensor& v, const Attention& how) {
  const auto flat = [](const Tensor& x) { return x.stride(1) == 1 ? x : x.contiguous(); };
  const auto qs = flat(q), ks = flat(k), vs = flat(v);
  const int64_t d = how.head_dim;
  const auto slopes = how.slopes.defined() ? how.slopes.to(at::kFloat).contiguous() : how.slopes;
  const double scale = how.scale > 0 ? how.scale : 1 / std::sqrt(static_cast<double>(d));
  const kernels::AttentionShape shape{q.size(0),
                                      k.size(0),
                                      q.size(1) / d,
                                      k.size(1) / d,
                                      d,
                                      qs.stride(0),
                                      ks.stride(0),
                                      vs.stride(0),
                                      how.window,
                                      static_cast<float>(scale),
                                      slopes.defined() ? slopes.const_data_ptr<float>() : nullptr};
  auto out = at::empty({q.size(0), q.size(1)}, q.options());
  kernels::causal_attention(qs.const_data_ptr<float>(), ks.const_data_ptr<float>(),
                            vs.const_data_ptr<float>(), shape, out.mutable_data_ptr<float>());
  return out;
}

Tensor attend_one(const Tensor& q, const Tensor& k, const Tensor& v, const Attention& how) {
  const int64_t d = how.head_dim, heads = q.size(1) / d, kv = k.size(1) / d;
  const int64_t queries = q.size(0), keys = k.size(0);
  const bool all_before = !how.slopes.defined() && (how.window == 0 || keys <= how.window);
  if (small_heads(q, !all_before, how)) return attend_small(q, k, v, how);
  const auto split = [&](const Tensor& x, int64_t n) {
    return x.reshape({x.size(0), n, d}).transpose(0, 1).unsqueeze(0);  // [1, n, T, d]
  };
  auto kh = split(k, kv), vh = split(v, kv);
  if (kv != heads) {
    kh = kh.repeat_interleave(heads / kv, 1);
    vh = vh.repeat_interleave(heads / kv, 1);
  }
  const bool causal = queries == keys && all_before;
  const bool last = queries == 1 && all_before;  // one query that sees every key
  const auto mask = causal || last ? std::optional<Tensor>() : bias_of(queries, keys, how, q);
  const auto scale = how.scale > 0 ? std::optional<double>(how.scale) : std::nullopt;
  // The fused kernels' backward passes on a GPU add in any order.
  const bool plain = q.is_cuda() && at::GradMode::is_enabled() && q.requires_grad();
  const auto out =
      plain ? std::get<0>(at::_scaled_dot_product_attention_math(split(q, heads), kh, vh, mask, 0.0,
                                                                 causal, {}, scale))
            : at::scaled_dot_product_attention(split(q, heads), kh, vh, mask, 0.0, causal, scale);
  return out.squeeze(0).transpose(0, 1).reshape({queries, heads * d});
}

}  // namespace

Tensor attend(const Tensor& q, const Tensor& k, const Tensor& v, const Batch& batch,
              const Attention& how) {
  const int64_t n = batch.segments();
  std::vector<Tensor> parts(static_cast<size_t>(n));
  const auto run = [&](int64_t from, int64_t to) {
    for (int64_t s = from; s < to; ++s) {
      const auto begin = batch.starts[static_cast<size_t>(s)];
      const auto mine = q.narrow(0, begin, batch.starts[static_cast<size_t>(s) + 1] - begin);
      const auto line = batch.line(s);
      auto keys = with_ancestors(k, batch, line), values = with_ancestors(v, batch, line);
      if (batch.past) {
        auto all = batch.past->extend(how.block, s, keys, values);
        keys = std::move(all.k), values = std::move(all.v);
      }
      parts[static_cast<size_t>(s)] =
          mine.size(0) == 0 ? mine : attend_one(mine, keys, values, how);
    }
  };
  const bool grad = at::GradMode::is_enabled() && q.requires_grad();
  // Many sequences: one thread each. One long sequence: the threads share its heads and query
  // blocks.
  if (grad || n == 1 || !q.device().is_cpu())
    run(0, n);
  else
    at::parallel_for(0, n, 1, [&](int64_t from, int64_t to) {
      at::NoGradGuard no_grad;
      run(from, to);
    });
  return parts.size() == 1 ? parts[0] : at::cat(parts);
}

Tensor fused_part(const Tensor& fused, int64_t i, int64_t head_dim) {
  const auto n = fused.size(0);
  return fused.reshape({n, -1, 3, head_dim}).select(2, i).reshape({n, -1});
}

}  // namespace bench
