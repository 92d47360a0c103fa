// What of a planned decoder can go together: heads, neurons, sublayers, channels of the stream.
#include "models/transformer.h"

namespace bench {

void Transformer::add_fused_heads(Block& b, Parts& p) {
  const auto d = head_dim(b), g = queries_a_key();
  const Slice out{&b.o, Slice::In, d};
  const auto queries = b.o.columns() / d, keys = shares_queries() ? 1 : queries / g;
  if (plan_.fused == Fused::Groups && !shares_queries()) {
    p.head = {{&b.qkv, Slice::Out, (g + 2) * d, 1, g + 2}, {&b.o, Slice::In, g * d}};
  } else if (shares_queries()) {
    p.head = {{&b.qkv, Slice::Out, d}, out};
    p.head_units = queries;
  } else if (g == 1) {
    p.head = {{&b.qkv, Slice::Out, d, 3}, out};
  } else {
    Slice k{&b.qkv, Slice::Out, d}, v = k;
    k.begin = queries * d;
    v.begin = (queries + keys) * d;
    p.head = {{&b.qkv, Slice::Out, g * d}, {&b.o, Slice::In, g * d}, v, k};
    p.head_units = keys;
  }
}

/// A unit is one key/value head with the query heads that read it (mini_llm.md 3); where all
/// queries read the same key, one query head.
void Transformer::add_heads(Block& b, Parts& p) {
  const auto d = head_dim(b), g = shares_queries() ? 1 : queries_a_key();
  if (b.latent) {
    p.head = {b.latent->queries(), {&b.o, Slice::In, value_dim(b)}, b.latent->keys_values()};
    p.attention_rest = b.latent->rest();
  } else if (plan_.fused != Fused::Separate) {
    add_fused_heads(b, p);
  } else {
    p.head = {{&b.q, Slice::Out, g * d}, {&b.o, Slice::In, g * d}};
    const Slice v{&b.v, Slice::Out, d}, k{&b.k, Slice::Out, d};
    auto& rest = shares_queries() ? p.attention_rest : p.head;
    rest.push_back(v), rest.push_back(k);
  }
}

void Transformer::add_head_followers(Block& b, Parts& p) {
  const auto d = head_dim(b), g = shares_queries() ? 1 : queries_a_key();
  for (Tensor* t : {&b.slopes, &b.sinks}) p.head_followers.push_back({t, Follower::Plain, g});
  if (plan_.slopes && g == 1) p.head_followers.front().made = plan_.slopes;
  for (Norm* n : {&b.q_norm, &b.k_norm}) {
    const bool queries = n == &b.q_norm;
    if (plan_.qk_norm == QkNorm::Shared || (!queries && shares_queries())) {
      for (Tensor* t : {&n->weight, &n->bias}) p.attention_own.push_back(t);
    } else if (plan_.qk_norm == QkNorm::Each) {
      p.head_followers.push_back({&n->weight, Follower::Plain, queries ? g : 1});
    } else if (plan_.qk_norm == QkNorm::Whole) {
      const auto width = queries ? g * d : d;
      p.head_followers.push_back({&n->weight, Follower::Affine, width});
      p.head_followers.push_back({&n->alive, Follower::Support, width});
    }
  }
  if (b.latent)
    for (Norm* n : b.latent->norms()) p.attention_own.push_back(&n->weight);
}

/// Where heads and neurons do not tell what reads the residual stream.
void Transformer::add_stream(Block& b, Parts& p) {
  if (!b.latent && !b.experts && p.head_units == 0 && p.attention_rest.empty()) return;
  const auto read = [&](Layer& l) {
    if (!l.name.empty()) p.readers.push_back(&l);
  };
  if (b.latent)
    for (Layer* l : b.latent->readers()) p.readers.push_back(l);
  for (Layer* l : {&b.q, &b.k, &b.v, &b.qkv, &b.gate, &b.up, &b.gate_up}) read(*l);
  p.writers = {&b.o};
  if (!b.down.name.empty()) p.writers.push_back(&b.down);
  if (!b.experts) return;
  auto all = b.experts->there();
  if (auto* shared = b.experts->shared()) all.push_back(shared);
  for (Expert* e : all) {
    for (Layer* l : {&e->gate, &e->up, &e->gate_up}) read(*l);
    p.writers.push_back(&e->down);
  }
}

Decoder::Parts Transformer::parts(int64_t index) {
  auto& b = blocks_[static_cast<size_t>(index)];
  Parts p;
  if (b.latent) p.layers = b.latent->layers();
  for (Layer* l : {&b.q, &b.k, &b.v, &b.qkv, &b.o, &b.gate, &b.up, &b.gate_up, &b.down})
    if (!l->name.empty()) p.layers.push_back(l);
  for (Norm* n : {&b.before_attention, &b.after_attention, &b.before_mlp, &b.after_mlp})
    if (!n->name.empty()) p.norms.push_back(n);
  add_heads(b, p);
  if (b.dims.defined()) p.head_dim = head_dim(b);
  add_head_followers(b, p);
  if (b.experts)
    p.experts = b.experts.get();
  else if (!b.gate_up.name.empty())
    p.neuron = {{&b.gate_up, Slice::Out, 1, 2}, {&b.down, Slice::In}};
  else if (!b.gate.name.empty())
    p.neuron = {{&b.gate, Slice::Out}, {&b.up, Slice::Out}, {&b.down, Slice::In}};
  else
    p.neuron = {{&b.up, Slice::Out}, {&b.down, Slice::In}};
  add_stream(b, p);
  for (Norm* n : {&b.q_norm, &b.k_norm}) {
    if (n->name.empty()) continue;
    Named weight{n->name + ".weight", &n->weight};
    if (plan_.qk_norm_rows) weight.rows = n->name + ".norms.{}.weight";
    p.others.push_back(weight);
    p.others.push_back({n->name + ".bias", &n->bias});
    p.others.push_back({n->name + ".alive", &n->alive, false});
  }
  if (b.latent)
    for (Norm* n : b.latent->norms())
      if (!n->name.empty()) p.others.push_back({n->name + ".weight", &n->weight});
  p.others.push_back({b.at + "thresholds", &b.quiet, false});
  if (plan_.head_dims) p.others.push_back({b.at + "head_dims", &b.dims, false});
  if (b.slopes.defined()) p.others.push_back({b.at + "alibi_slopes", &b.slopes, false});
  if (b.sinks.defined()) p.others.push_back({b.at + plan_.sinks, &b.sinks});
  for (auto [t, name] : {std::pair(&b.attention_scale, &plan_.attention_scale),
                         std::pair(&b.mlp_scale, &plan_.mlp_scale)}) {
    if (!t->defined()) continue;
    p.others.push_back({b.at + *name, t});
    p.stream_followers.push_back({t, Follower::Affine, 1, 0, b.at + *name});
  }
  if (plan_.norms_behind) return p;
  const auto one = [](Norm& n) { return n.name.empty() ? nullptr : &n; };
  if (plan_.parallel && b.before_mlp.name.empty()) {
    p.shared_norm = one(b.before_attention);
    return p;
  }
  p.attention_norm = one(b.before_attention);
  p.mlp_norm = one(b.before_mlp);
  return p;
}

std::vector<Group> Transformer::groups(const std::string& kind) {
  if (kind != "head_dim") return Decoder::groups(kind);
  std::vector<Group> all;
  for (int64_t i = 0; i < count_; ++i) {
    auto& b = blocks_[static_cast<size_t>(i)];
    if (!b.dims.defined() || !there(b.o)) continue;
    Group g{fmt::format("block.{}.attn.dims", i), kind, i, i, head_dim(b)};
    for (Layer* l : {&b.q, &b.qkv, &b.o, &b.v, &b.k}) {
      const auto dim = l == &b.o ? Slice::In : Slice::Out;
      if (!l->name.empty()) g.slices.push_back({l, dim, 1, l->flat().size(dim) / g.units});
    }
    g.followers = {{&b.dims, Follower::Plain}};
    all.push_back(std::move(g));
  }
  return all;
}

std::string Transformer::fixed_stream() const {
  if (plan_.parallel) return "attention and MLP read it side by side";
  if (plan_.attention_norm.empty() || plan_.norms_behind || !plan_.after_attention.empty())
    return "norms stand behind its sublayers";
  if (plan_.embed.empty() || plan_.sees_all) return "it is no decoder";
  if (plan_.norm.one_more) return "its norms multiply by 1 + weight";
  if (plan_.mixture) return "experts write to it, each for its own tokens";
  if (plan_.latent) return "queries and keys are read from a latent of it";
  if (plan_.norm.kind == NormForm::Plain) return "its norms have no weights";
  if (shares_queries()) return "its heads share one key";
  return "";
}

std::vector<Follower> Transformer::outer_hidden() {
  if (!positions_.defined()) return {};
  return {{&positions_, Follower::Affine, 1, 1, plan_.positions + ".weight", true}};
}

}  // namespace bench
