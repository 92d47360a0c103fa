#include "models/transformer.h"

#include <algorithm>
#include <cmath>

namespace bench {

Norm Transformer::norm_if(Source& c, const std::string& at, const std::string& name) const {
  return name.empty() ? Norm{} : c.norm(at + name, plan_.norm);
}

Transformer::Transformer(Source& c, Plan plan) : plan_(std::move(plan)) {
  head_dim_ = plan_.head_dim;
  count_ = plan_.blocks;
  max_length_ = plan_.max_length;
  logit_cap_ = plan_.logit_cap;
  if (plan_.kv_heads <= 0 || plan_.heads % plan_.kv_heads != 0)
    fail("{}/config.json: {} query heads do not share {} key/value heads", c.where(), plan_.heads,
         plan_.kv_heads);
  if (!plan_.embed.empty()) {
    take_ends(c, plan_.embed + ".weight", plan_.head + ".weight", plan_.tied);
    if (plan_.head_bias) head_bias_ = c.take(plan_.head + ".bias");
    if (!c.compact()) c.expect(embed_, plan_.embed + ".weight", {embed_.size(0), plan_.hidden});
    plan_.hidden = embed_.size(1);
  }
  if (!plan_.positions.empty()) {
    positions_ = c.take(plan_.positions + ".weight");
    c.expect(positions_, plan_.positions + ".weight", {max_length_, plan_.hidden});
    outer_ = {{plan_.positions + ".weight", &positions_}};
  }
  norm_ = norm_if(c, "", plan_.last_norm);
  blocks_.reserve(static_cast<size_t>(count_));
  for (int64_t i = 0; i < count_; ++i) blocks_.push_back(take_block(c, i));
}

Transformer::Block Transformer::take_block(Source& c, int64_t index) {
  Block b;
  b.at = plan_.at(index);
  b.before_attention = norm_if(c, b.at, plan_.attention_norm);
  b.before_mlp = norm_if(c, b.at, plan_.mlp_norm);
  b.after_attention = norm_if(c, b.at, plan_.after_attention);
  b.after_mlp = norm_if(c, b.at, plan_.after_mlp);
  if (!plan_.attention_scale.empty()) b.attention_scale = c.take(b.at + plan_.attention_scale);
  if (!plan_.mlp_scale.empty()) b.mlp_scale = c.take(b.at + plan_.mlp_scale);
  take_attention(c, b);
  take_mlp(c, b,
           plan_.mixture && (plan_.sparse.empty() || plan_.sparse[static_cast<size_t>(index)]));
  return b;
}

Norm Transformer::qk_norm(Source& c, const std::string& name, int64_t heads) const {
  if (!plan_.qk_norm_rows) return c.norm(name, plan_.qk_form);
  Norm n{name, {}, {}, plan_.qk_form.eps, plan_.qk_form.kind == NormForm::Rms};
  std::vector<Tensor> rows;
  for (int64_t h = 0; h < heads; ++h)
    rows.push_back(c.take(fmt::format("{}.norms.{}.weight", name, h)));
  n.weight = at::stack(rows);
  return n;
}

void Transformer::take_attention(Source& c, Block& b) {
  if (plan_.latent) {
    b.latent =
        std::make_unique<Latent>(c, b.at + "self_attn.", plan_.heads, plan_.hidden, *plan_.latent);
  } else if (plan_.fused == Fused::Separate) {
    b.q = c.layer(b.at + plan_.q, plan_.qkv_bias);
    b.k = c.layer(b.at + plan_.k, plan_.qkv_bias);
    b.v = c.layer(b.at + plan_.v, plan_.qkv_bias);
  } else {
    b.qkv = c.layer(b.at + plan_.qkv, plan_.qkv_bias);
  }
  b.o = c.layer(b.at + plan_.o, plan_.o_bias);
  b.quiet = c.take_if(b.at + "thresholds");
  if (plan_.head_dims) {
    b.dims = c.take_if(b.at + "head_dims");
    if (!b.dims.defined()) b.dims = at::arange(plan_.head_dim, at::kInt);
  }
  const auto heads = b.o.columns() / value_dim(b);
  if (plan_.qk_norm != QkNorm::None) {
    b.q_norm = qk_norm(c, b.at + plan_.q_norm, heads);
    b.k_norm = qk_norm(c, b.at + plan_.k_norm, heads / queries_a_key());
  }
  if (!plan_.sinks.empty()) {
    b.sinks = c.take(b.at + plan_.sinks);
    c.expect(b.sinks, b.at + plan_.sinks, {heads});
  }
  if (plan_.slopes) {
    b.slopes = c.take_if(b.at + "alibi_slopes");
    if (!b.slopes.defined()) b.slopes = plan_.slopes(heads);
    c.expect(b.slopes, b.at + "alibi_slopes", {heads});
  }
  check_attention(c, b);
}

void Transformer::take_mlp(Source& c, Block& b, bool sparse) {
  if (sparse) {
    b.experts = std::make_unique<Experts>(c, b.at, plan_.hidden, *plan_.mixture);
    return;
  }
  if (!plan_.gate_up.empty())
    b.gate_up = c.layer(b.at + plan_.gate_up, plan_.mlp_bias);
  else if (!plan_.gate.empty())
    b.gate = c.layer(b.at + plan_.gate, plan_.mlp_bias);
  if (plan_.gate_up.empty()) b.up = c.layer(b.at + plan_.up, plan_.mlp_bias);
  b.down = c.layer(b.at + plan_.down, plan_.mlp_bias);
  check_mlp(c, b);
}

void Transformer::check_attention(Source& c, const Block& b) const {
  const auto d = head_dim(b), g = queries_a_key();
  c.expect(b.o.weight, b.o.weight_name(), {plan_.hidden, b.o.columns()});
  const auto heads = b.o.columns() / value_dim(b);
  if (b.o.columns() % value_dim(b) != 0 || (!shares_queries() && heads % g != 0))
    fail("{}: {} does not split into heads of {} that {} share a key", c.where(), b.o.weight_name(),
         value_dim(b), g);
  // With key heads given, a model without any is none of transformers'.
  if (!c.compact() && heads != plan_.heads)
    fail("{}: config.json has {} query heads of {}, where {} is made for {}", c.where(),
         plan_.heads, value_dim(b), b.o.weight_name(), heads);
  if (b.latent) return;
  const auto keys = shares_queries() ? 1 : heads / g;
  if (plan_.fused == Fused::Separate) {
    c.expect(b.q.weight, b.q.weight_name(), {heads * d, plan_.hidden});
    for (const Layer* l : {&b.k, &b.v})
      if (l->weight.sizes() != at::IntArrayRef({keys * d, plan_.hidden}))
        fail("{}: config.json has {} key/value heads of {}, where {} is {}", c.where(), keys, d,
             l->weight_name(), fmt::format("[{}]", fmt::join(l->weight.sizes(), ", ")));
  } else {
    c.expect(b.qkv.weight, b.qkv.weight_name(), {(heads + 2 * keys) * d, plan_.hidden});
  }
}

void Transformer::check_mlp(Source& c, const Block& b) const {
  const auto inner = b.down.columns();
  c.expect(b.down.weight, b.down.weight_name(), {plan_.hidden, inner});
  for (const Layer* l : {&b.gate, &b.up})
    if (!l->name.empty()) c.expect(l->weight, l->weight_name(), {inner, plan_.hidden});
  if (!b.gate_up.name.empty())
    c.expect(b.gate_up.weight, b.gate_up.weight_name(), {2 * inner, plan_.hidden});
  if (!plan_.neurons_key.empty()) c.agree(plan_.neurons_key, inner, b.down.weight_name());
}

Tensor Transformer::stem(const Batch& batch) const {
  for (const auto& r : plan_.ropes) r.reach(batch);
  if (positions_.defined()) check_positions(batch);
  auto x = embedded(batch);
  if (plan_.embed_scale != 1) x = x * plan_.embed_scale;
  return positions_.defined() ? x + positions_.index_select(0, batch.positions) : x;
}

Tensor Transformer::features(const Tensor& hidden, const Batch&) const {
  const auto x = read_by_head(norm_(hidden));
  return plan_.logit_scale == 1 ? x : x * plan_.logit_scale;
}

int64_t Transformer::steady_length() const {
  int64_t least = 0;
  for (const auto& r : plan_.ropes)
    if (r.steady() > 0) least = least > 0 ? std::min(least, r.steady()) : r.steady();
  return least;
}

Projected Transformer::cut_up(const Block& b, const Tensor& fused) const {
  const auto d = head_dim(b), g = queries_a_key();
  const auto queries = b.o.columns() / d, keys = shares_queries() ? 1 : queries / g;
  if (plan_.fused == Fused::Stretches)
    return {fused.narrow(1, 0, queries * d), fused.narrow(1, queries * d, keys * d),
            fused.narrow(1, (queries + keys) * d, keys * d)};
  const auto groups = fused.reshape({fused.size(0), keys, g + 2, d});
  const auto part = [&](int64_t first, int64_t count) {
    return groups.narrow(2, first, count).reshape({fused.size(0), -1});
  };
  return {part(0, g), part(g, 1), part(g + 1, 1)};
}

Projected Transformer::projected(int64_t index, const Tensor& n, const Batch& batch) const {
  const auto& b = blocks_[static_cast<size_t>(index)];
  const int kind = plan_.rope_of.empty() ? -1 : plan_.rope_of[static_cast<size_t>(index)];
  if (b.latent) return (*b.latent)(n, plan_.ropes[static_cast<size_t>(kind)], batch);
  auto p = plan_.fused == Fused::Separate
               ? Projected{b.q(b.heard(b.q, n)), b.k(b.heard(b.k, n)), b.v(b.heard(b.v, n))}
               : cut_up(b, b.qkv(b.heard(b.qkv, n)));
  const auto clip = [&](Tensor& t) {
    if (plan_.clip > 0) t = t.clamp(-plan_.clip, plan_.clip);
  };
  const bool whole = plan_.qk_norm == QkNorm::Whole;
  if (!b.q_norm.name.empty()) {
    p.q = whole ? b.q_norm(p.q) : b.q_norm.by_head(p.q, plan_.head_dim);
    p.k = whole ? b.k_norm(p.k) : b.k_norm.by_head(p.k, plan_.head_dim);
  }
  clip(p.q), clip(p.k), clip(p.v);
  if (kind < 0) return p;
  const auto& rope = plan_.ropes[static_cast<size_t>(kind)];
  p.q = rope(p.q, batch);
  p.k = rope(p.k, batch);
  return p;
}

Tensor Transformer::attention(int64_t index, const Tensor& n, const Batch& batch) const {
  const auto& b = blocks_[static_cast<size_t>(index)];
  const auto p = projected(index, n, batch);
  Attention how{plan_.latent ? plan_.latent->nope + plan_.latent->rope : head_dim(b), index};
  if (!plan_.windows.empty()) how.mask = Mask::window(plan_.windows[static_cast<size_t>(index)]);
  how.slopes = b.slopes;
  how.scaled_slopes = plan_.scaled_slopes;
  how.scale = plan_.scale;
  if (how.scale == 0 && how.head_dim != plan_.head_dim && !plan_.latent)
    how.scale = 1 / std::sqrt(static_cast<double>(plan_.head_dim));
  how.value_dim = value_dim(b);
  how.cap = plan_.score_cap;
  how.sinks = b.sinks;
  if (plan_.sees_all) how.mask.kind = Mask::Full;
  return b.after_attention(b.o(b.heard(b.o, attended(index, p, batch, how))));
}

Tensor Transformer::attended(int64_t /*index*/, const Projected& p, const Batch& batch,
                             const Attention& how) const {
  return attend(p.q, p.k, p.v, batch, how);
}

std::vector<const Layer*> Transformer::Block::own() const {
  std::vector<const Layer*> all;
  for (const Layer* l : {&q, &k, &v, &qkv, &o, &gate, &up, &gate_up, &down})
    if (!l->name.empty()) all.push_back(l);
  return all;
}

Tensor Transformer::Block::heard(const Layer& layer, const Tensor& x) const {
  if (!quiet.defined()) return x;
  const auto all = own();
  const auto place = std::find(all.begin(), all.end(), &layer) - all.begin();
  return x.masked_fill(x.abs() <= quiet.select(0, place), 0);
}

Tensor Transformer::Block::opened(const Tensor& x) const {
  return quiet.defined() ? x.masked_fill(x.abs() <= quiet.select(0, -1), 0) : x;
}

Thresholds Transformer::thresholds(int64_t block) {
  auto& b = blocks_[static_cast<size_t>(block)];
  Thresholds t;
  for (Layer* l : {&b.q, &b.k, &b.v, &b.qkv, &b.o, &b.gate, &b.up, &b.gate_up, &b.down})
    if (!l->name.empty()) t.layers.push_back(l);
  t.gate = !b.gate_up.name.empty() ? &b.gate_up : b.gate.name.empty() ? nullptr : &b.gate;
  t.values = &b.quiet;
  return t;
}

Tensor Transformer::gated(int64_t block, const Tensor& x) const {
  const auto& b = blocks_[static_cast<size_t>(block)];
  if (!b.gate_up.name.empty()) return apply(plan_.act, b.gate_up(x).chunk(2, 1)[0].contiguous());
  return b.gate.name.empty() ? Tensor() : apply(plan_.act, b.gate(x));
}

Tensor Transformer::mlp(const Block& b, const Tensor& m) const {
  if (b.experts) return b.after_mlp((*b.experts)(m));
  Tensor inner;
  if (!b.gate_up.name.empty()) {
    const auto both = b.gate_up(b.heard(b.gate_up, m)).chunk(2, 1);
    inner = b.opened(apply(plan_.act, both[0].contiguous())) * both[1];
  } else if (!b.gate.name.empty()) {
    inner = b.opened(apply(plan_.act, b.gate(b.heard(b.gate, m)))) * b.up(b.heard(b.up, m));
  } else {
    inner = apply(plan_.act, b.up(b.heard(b.up, m)));
  }
  return b.after_mlp(b.down(b.heard(b.down, inner)));
}

Tensor Transformer::side_by_side(int64_t index, const Tensor& x, const Batch& batch) const {
  const auto& b = blocks_[static_cast<size_t>(index)];
  const bool attends = there(b.o), own_norm = !b.before_mlp.name.empty();
  const auto h =
      attends ? x + weighed(attention(index, b.before_attention(x), batch), b.attention_scale) : x;
  if (!has_mlp(b)) return h;
  return h + weighed(by_rows(x, {&b.gate, &b.up, &b.gate_up, &b.down},
                             [&](const Tensor& t) {
                               return mlp(b, own_norm ? b.before_mlp(t) : b.before_attention(t));
                             }),
                     b.mlp_scale);
}

Tensor Transformer::normed_behind(int64_t index, const Tensor& x, const Batch& batch) const {
  const auto& b = blocks_[static_cast<size_t>(index)];
  const auto h = b.before_attention(there(b.o) ? x + attention(index, x, batch) : x);
  if (!has_mlp(b)) return b.before_mlp(h);
  return by_rows(h, {&b.gate, &b.up, &b.gate_up, &b.down},
                 [&](const Tensor& t) { return b.before_mlp(t + mlp(b, t)); });
}

Tensor Transformer::block(int64_t index, const Tensor& x, const Batch& batch) const {
  if (plan_.parallel) return side_by_side(index, x, batch);
  if (plan_.norms_behind) return normed_behind(index, x, batch);
  const auto& b = blocks_[static_cast<size_t>(index)];
  auto h = stay(x, index, 0);
  if (there(b.o))
    h = h + weighed(attention(index, b.before_attention(x), batch), b.attention_scale);
  if (!has_mlp(b)) return stay(h, index, 1);
  const auto add_mlp = [&](const Tensor& t) {
    return stay(t, index, 1) + weighed(mlp(b, b.before_mlp(t)), b.mlp_scale);
  };
  if (b.experts) return add_mlp(h);
  return by_rows(h, {&b.gate, &b.up, &b.gate_up, &b.down}, add_mlp);
}

}  // namespace bench
