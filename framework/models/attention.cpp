#include "models/attention.h"

#include <cmath>
#include <optional>

#include "kernels/attention.h"
#include "tensor/compute_type.h"
#include "tensor/rows.h"

namespace bench {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

/// Keys of a segment and its ancestors, end to end: [length, columns].
Tensor with_ancestors(const Tensor& x, const Batch& batch, const std::vector<int64_t>& line) {
  std::vector<Tensor> parts;
  for (const auto s : line) {
    const auto begin = batch.starts[static_cast<size_t>(s)];
    parts.push_back(x.narrow(0, begin, batch.starts[static_cast<size_t>(s) + 1] - begin));
  }
  return parts.size() == 1 ? parts[0] : at::cat(parts);
}

double scale_of(const Attention& how) {
  return how.scale > 0 ? how.scale : 1 / std::sqrt(static_cast<double>(how.head_dim));
}
int64_t value_dim(const Attention& how) {
  return how.value_dim > 0 ? how.value_dim : how.head_dim;
}

/// Whether every query sees all keys up to its own place and nothing is added to a score.
bool all_before(int64_t keys, const Attention& how) {
  if (how.slopes.defined()) return false;
  return how.mask.kind == Mask::Causal ||
         (how.mask.kind == Mask::Window && keys <= how.mask.size) ||
         (how.mask.kind == Mask::Prefix && how.mask.size <= 1);
}

/// bool [queries, keys]: what is not seen. The queries are the last of the keys.
Tensor unseen(int64_t queries, int64_t keys, const Mask& mask, const at::TensorOptions& opts) {
  const auto key = at::arange(keys, opts.dtype(at::kLong)).unsqueeze(0);
  const auto query = at::arange(keys - queries, keys, opts.dtype(at::kLong)).unsqueeze(1);
  if (mask.kind == Mask::Full) return at::zeros({queries, keys}, opts.dtype(at::kBool));
  auto hidden = key > query;
  if (mask.kind == Mask::Window) hidden = hidden | (key <= query - mask.size);
  if (mask.kind == Mask::Prefix) hidden = hidden & ((key >= mask.size) | (query >= mask.size));
  return hidden;
}

/// ALiBi: [heads, 1, keys].
Tensor alibi(int64_t keys, const Attention& how, const Tensor& like) {
  const auto wide = like.options().dtype(at_least_float(like.narrow(0, 0, 0)).scalar_type());
  const auto slopes = how.slopes.to(wide).reshape({-1, 1, 1});
  const auto place = at::arange(keys, wide).reshape({1, 1, keys});
  if (!how.scaled_slopes) return (slopes * place).to(like.scalar_type());
  // transformers models/falcon/modeling_falcon.py, build_alibi_tensor: both factors and the product
  // are rounded to bfloat16.
  const auto rounded = slopes.to(at::kBFloat16) * place.to(at::kBFloat16);
  return rounded.to(like.scalar_type()) * scale_of(how);
}

/// Additive mask [1, heads or 1, queries, keys].
Tensor bias_of(int64_t queries, int64_t keys, const Attention& how, const Tensor& like) {
  auto bias = at::zeros({1, queries, keys}, like.options());
  if (how.slopes.defined()) bias = alibi(keys, how, like) + bias;
  const auto hidden = unseen(queries, keys, how.mask, like.options());
  return bias.masked_fill(hidden.unsqueeze(0), -kInfinite).unsqueeze(0);
}

/// A form that the fused kernels do not know.
bool by_hand(const Attention& how) {
  return how.cap > 0 || how.sinks.defined() || value_dim(how) != how.head_dim;
}

/// Where our own kernel is faster (kernels/attention.h): heads of up to 16, wider ones that need a
/// mask.
bool small_heads(const Tensor& q, bool needs_mask, const Attention& how) {
  const bool known = how.mask.kind == Mask::Causal || how.mask.kind == Mask::Window;
  return known && !how.scaled_slopes && q.is_cpu() && q.scalar_type() == at::kFloat &&
         how.head_dim <= (needs_mask ? kernels::kMaxHeadDim : kernels::kMaxHeadDim / 2) &&
         !(at::GradMode::is_enabled() && q.requires_grad());
}

Tensor attend_small(const Tensor& q, const Tensor& k, const Tensor& v, const Attention& how) {
  const auto flat = [](const Tensor& x) { return x.stride(1) == 1 ? x : x.contiguous(); };
  const auto qs = flat(q), ks = flat(k), vs = flat(v);
  const int64_t d = how.head_dim;
  const auto slopes = how.slopes.defined() ? how.slopes.to(at::kFloat).contiguous() : how.slopes;
  const kernels::AttentionShape shape{q.size(0),
                                      k.size(0),
                                      q.size(1) / d,
                                      k.size(1) / d,
                                      d,
                                      qs.stride(0),
                                      ks.stride(0),
                                      vs.stride(0),
                                      how.mask.kind == Mask::Window ? how.mask.size : 0,
                                      static_cast<float>(scale_of(how)),
                                      slopes.defined() ? slopes.const_data_ptr<float>() : nullptr};
  auto out = at::empty({q.size(0), q.size(1)}, q.options());
  kernels::causal_attention(qs.const_data_ptr<float>(), ks.const_data_ptr<float>(),
                            vs.const_data_ptr<float>(), shape, out.mutable_data_ptr<float>());
  return out;
}

/// softmax of scores [..., heads, queries, keys] that a sink per head takes a share of.
Tensor softmax_beside(const Tensor& scores, const Tensor& sinks) {
  if (!sinks.defined()) return scores.softmax(-1);
  auto shape = scores.sizes().vec();
  shape.back() = 1;
  const auto more = sinks.to(scores.options()).reshape({-1, 1, 1}).expand(shape);
  return at::cat({scores, more}, -1).softmax(-1).narrow(-1, 0, scores.size(-1));
}

/// q: [heads, queries, d], k: [heads, keys, d], v: [heads, keys, value_dim], the queries from
/// `first` on of `all`, the last of the keys.
Tensor attend_heads(const Tensor& q, const Tensor& k, const Tensor& v, int64_t first, int64_t all,
                    const Attention& how) {
  auto scores = at::matmul(q, k.transpose(1, 2)) * scale_of(how);
  if (how.cap > 0) scores = (scores / how.cap).tanh() * how.cap;
  if (how.slopes.defined()) scores = scores + alibi(k.size(1), how, q);
  const auto hidden = unseen(all, k.size(1), how.mask, q.options()).narrow(0, first, q.size(1));
  scores = scores.masked_fill(hidden.unsqueeze(0), -kInfinite);
  return at::matmul(softmax_beside(scores, how.sinks), v);
}

/// Head by head and a fixed number of queries at a time, each product on one thread.
Tensor attend_by_hand(const Tensor& q, const Tensor& k, const Tensor& v, const Attention& how) {
  constexpr int64_t kQueries = 128;
  const auto heads = q.size(0), queries = q.size(1), parts = (queries + kQueries - 1) / kQueries;
  if (!q.is_cpu() || (at::GradMode::is_enabled() && q.requires_grad()))
    return attend_heads(q, k, v, 0, queries, how);
  auto out = at::empty({heads, queries, v.size(2)}, q.options());
  at::parallel_for(0, heads * parts, 1, [&](int64_t from, int64_t to) {
    at::NoGradGuard no_grad;
    for (int64_t i = from; i < to; ++i) {
      const int64_t h = i / parts, first = i % parts * kQueries;
      const int64_t count = std::min(kQueries, queries - first);
      auto mine = how;
      if (how.slopes.defined()) mine.slopes = how.slopes.narrow(0, h, 1);
      if (how.sinks.defined()) mine.sinks = how.sinks.narrow(0, h, 1);
      out.narrow(0, h, 1)
          .narrow(1, first, count)
          .copy_(attend_heads(q.narrow(0, h, 1).narrow(1, first, count), k.narrow(0, h, 1),
                              v.narrow(0, h, 1), first, queries, mine));
    }
  });
  return out;
}

Tensor attend_one(const Tensor& q, const Tensor& k, const Tensor& v, const Attention& how) {
  const int64_t d = how.head_dim, heads = q.size(1) / d, kv = k.size(1) / d;
  const int64_t queries = q.size(0), keys = k.size(0);
  const bool before = all_before(keys, how);
  if (!by_hand(how) && small_heads(q, !before, how)) return attend_small(q, k, v, how);
  const auto split = [&](const Tensor& x, int64_t n, int64_t width) {
    return x.reshape({x.size(0), n, width}).transpose(0, 1).unsqueeze(0);  // [1, n, T, width]
  };
  auto kh = split(k, kv, d), vh = split(v, kv, value_dim(how));
  if (kv != heads) {
    kh = kh.repeat_interleave(heads / kv, 1);
    vh = vh.repeat_interleave(heads / kv, 1);
  }
  const auto qh = split(q, heads, d);
  const auto joined = [&](const Tensor& out) {
    return out.transpose(0, 1).reshape({queries, heads * value_dim(how)});
  };
  if (by_hand(how)) return joined(attend_by_hand(qh[0], kh[0], vh[0], how));
  const bool causal = queries == keys && before;
  // One query that sees every key, or all of them do.
  const bool open =
      (queries == 1 && before) || (how.mask.kind == Mask::Full && !how.slopes.defined());
  const auto mask = causal || open ? std::optional<Tensor>() : bias_of(queries, keys, how, q);
  const auto scale = how.scale > 0 ? std::optional<double>(how.scale) : std::nullopt;
  // The fused kernels' backward passes on a GPU add in any order, and none of them can be
  // differentiated twice, as criteria of networks of images ask.
  const bool plain = (q.is_cuda() || how.mask.kind == Mask::Full) && at::GradMode::is_enabled() &&
                     q.requires_grad();
  const auto out = plain ? std::get<0>(at::_scaled_dot_product_attention_math(qh, kh, vh, mask, 0.0,
                                                                              causal, {}, scale))
                         : at::scaled_dot_product_attention(qh, kh, vh, mask, 0.0, causal, scale);
  return joined(out[0]);
}

}  // namespace

Tensor attend(const Tensor& q, const Tensor& k, const Tensor& v, const Batch& batch,
              const Attention& how) {
  const int64_t n = batch.segments();
  std::vector<Tensor> parts(static_cast<size_t>(n));
  const auto empty = [&] {
    return at::zeros({0, q.size(1) / how.head_dim * value_dim(how)}, q.options());
  };
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
          mine.size(0) == 0 ? empty() : attend_one(mine, keys, values, how);
    }
  };
  const bool grad = at::GradMode::is_enabled() && q.requires_grad();
  // Many sequences: one thread each. One long sequence: the threads share its heads and query
  // blocks; not where all see all, whose products MKL rounds by the number of its threads where the
  // tokens are odd in number (docs/decisions/row-tiles.md).
  std::optional<SingleThread> alone;
  if (n == 1 && how.mask.kind == Mask::Full && q.is_cpu()) alone.emplace();
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
