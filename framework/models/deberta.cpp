// DeBERTa v2 and v3 (He et al. 2021): no positions in the stream; scores also hear how far two
// tokens are apart, from either side. transformers models/deberta_v2/modeling_deberta_v2.py.
#include "models/encoder.h"

namespace bench {
namespace {

Tensor tanh(const Tensor& x) {
  return at::tanh(x);
}

/// What heads know of distances.
struct Distances {
  bool relative = false, from_content = false, to_content = false;  // c2p, p2c
  bool shared = false;  // content's own projections serve them
  int64_t span = 0;     // rows of the table on either side
  int64_t buckets = 0;  // beyond half of them distances are told apart by their logarithm; 0: never
  int64_t farthest = 0;  // distance in the last bucket
  int64_t terms() const { return 1 + (from_content ? 1 : 0) + (to_content ? 1 : 0); }

  /// int64 [n, n]: the table's row for query i and key j.
  Tensor rows(int64_t n) const {
    const auto at = at::arange(n, at::kLong);
    auto apart = at.unsqueeze(1) - at.unsqueeze(0);
    if (buckets > 0) apart = bucketed(apart);
    return (apart + span).clamp(0, 2 * span - 1);
  }
  Tensor bucketed(const Tensor& apart) const {
    const auto mid = buckets / 2;
    const auto near = (apart < mid) & (apart > -mid);
    const auto size = at::where(near, at::full({}, mid - 1, at::kLong), apart.abs());
    const auto last =
        std::log(static_cast<float>(static_cast<double>(farthest - 1) / static_cast<double>(mid)));
    const auto far =
        ((size.to(at::kFloat) / mid).log() / last * static_cast<double>(mid - 1)).ceil() + mid;
    return at::where(size <= mid, apart, far.to(at::kLong) * apart.sign());
  }
};

class Deberta : public Encoder {
 public:
  Deberta(Source& c, Plan plan, EncoderStart start, EncoderHead head, Distances d)
      : Encoder(c, std::move(plan), std::move(start), std::move(head)), how_(d) {
    if (how_.relative) take_table(c);
    take_convolution(c);
  }

  Tensor block(int64_t index, const Tensor& x, const Batch& batch) const override {
    const auto y = Transformer::block(index, x, batch);
    if (index > 0 || !conv_.defined()) return y;
    return conv_norm_(y + apply(conv_act_, convolved(x, batch)));
  }

 protected:
  Parts parts(int64_t block) override {
    auto p = Transformer::parts(block);
    if (own_keys_.empty() && own_queries_.empty()) return p;
    for (auto* all : {&own_keys_, &own_queries_}) {
      if (all->empty()) continue;
      auto& l = (*all)[static_cast<size_t>(block)];
      p.layers.push_back(&l);
      p.head.push_back({&l, Slice::Out, plan_.head_dim});
    }
    return p;
  }

  std::vector<Follower> outer_hidden() override {
    auto all = Encoder::outer_hidden();
    Group norms;
    if (table_.defined()) {
      all.push_back({&table_, Follower::Affine, 1, 1, kTable, true});
      if (!table_norm_.name.empty()) follow(norms, table_norm_);
    }
    if (conv_.defined()) {
      all.push_back({&conv_, Follower::Affine, 1, 0, kConv + std::string(".weight")});
      if (groups_ == 1) all.push_back({&conv_, Follower::Affine, 1, 1});
      all.push_back({&conv_bias_, Follower::Affine});
      follow(norms, conv_norm_);
    }
    for (auto& f : norms.followers) all.push_back(std::move(f));
    return all;
  }

  Tensor attended(int64_t index, const Projected& p, const Batch& batch,
                  const Attention& how) const override {
    const auto i = static_cast<size_t>(index);
    Tensor keys, queries;
    if (how_.relative) {
      const auto table = table_norm_(table_);
      const auto& b = blocks_[i];
      if (how_.from_content) keys = how_.shared ? b.k(table) : own_keys_[i](table);
      if (how_.to_content) queries = how_.shared ? b.q(table) : own_queries_[i](table);
    }
    const auto n = batch.segments();
    std::vector<Tensor> all(static_cast<size_t>(n));
    const auto one = [&](int64_t s) {
      const auto begin = batch.starts[static_cast<size_t>(s)];
      const auto length = batch.starts[static_cast<size_t>(s) + 1] - begin;
      const auto cut = [&](const Tensor& t) { return t.narrow(0, begin, length); };
      all[static_cast<size_t>(s)] =
          length == 0 ? cut(p.v) : sequence(cut(p.q), cut(p.k), cut(p.v), keys, queries, how);
    };
    if (at::GradMode::is_enabled() || !p.q.is_cpu()) {
      for (int64_t s = 0; s < n; ++s) one(s);
    } else {
      at::parallel_for(0, n, 1, [&](int64_t from, int64_t to) {
        at::NoGradGuard no_grad;
        for (int64_t s = from; s < to; ++s) one(s);
      });
    }
    return at::cat(all);
  }

 private:
  static constexpr const char* kTable = "deberta.encoder.rel_embeddings.weight";
  static constexpr const char* kConv = "deberta.encoder.conv.conv";

  void take_table(Source& c) {
    table_ = c.take(kTable).slice(0, 0, 2 * how_.span);
    outer_.push_back({kTable, &table_});
    if (c.get<std::string>("norm_rel_ebd", "none").find("layer_norm") != std::string::npos) {
      table_norm_ = c.layer_norm("deberta.encoder.LayerNorm", plan_.norm.eps);
      take_norm(table_norm_);
    }
    if (how_.shared) return;
    for (int64_t i = 0; i < count_; ++i) {
      const auto at = plan_.at(i) + "attention.self.";
      if (how_.from_content) own_keys_.push_back(c.layer(at + "pos_key_proj", true));
      if (how_.to_content) own_queries_.push_back(c.layer(at + "pos_query_proj", true));
    }
  }

  void take_convolution(Source& c) {
    const auto size = c.get<int64_t>("conv_kernel_size", 0);
    groups_ = c.get<int64_t>("conv_groups", 1);
    const auto act = c.get<std::string>("conv_act", "tanh");
    if (size <= 0) return;
    conv_act_ = act == "tanh" ? tanh : activation(act, c.where());
    conv_ = c.take(kConv + std::string(".weight"));
    c.expect(conv_, kConv, {plan_.hidden, plan_.hidden / groups_, size});
    conv_bias_ = c.take(kConv + std::string(".bias"));
    outer_.push_back({kConv + std::string(".weight"), &conv_});
    outer_.push_back({kConv + std::string(".bias"), &conv_bias_});
    conv_norm_ = c.layer_norm("deberta.encoder.conv.LayerNorm", plan_.norm.eps);
    take_norm(conv_norm_);
  }

  void take_norm(Norm& n) {
    outer_.push_back({n.name + ".weight", &n.weight});
    outer_.push_back({n.name + ".bias", &n.bias});
    outer_.push_back({n.name + ".alive", &n.alive, false});
  }

  /// Over each sequence's first hidden states, zeros around it.
  Tensor convolved(const Tensor& x, const Batch& batch) const {
    std::vector<Tensor> all;
    for (int64_t s = 0; s < batch.segments(); ++s) {
      const auto begin = batch.starts[static_cast<size_t>(s)];
      const auto length = batch.starts[static_cast<size_t>(s) + 1] - begin;
      const auto mine = x.narrow(0, begin, length).t().unsqueeze(0);
      const auto y = at::conv1d(mine, conv_, conv_bias_, 1, (conv_.size(2) - 1) / 2, 1, groups_);
      all.push_back(y.squeeze(0).t());
    }
    return at::cat(all).contiguous();
  }

  /// One sequence. q, k, v: [n, heads * d]; keys, queries: [2 span, heads * d] of the table.
  Tensor sequence(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& keys,
                  const Tensor& queries, const Attention& how) const {
    const auto n = q.size(0), d = how.head_dim, heads = q.size(1) / d;
    const auto split = [&](const Tensor& t) {
      return t.reshape({t.size(0), heads, d}).transpose(0, 1).contiguous();
    };
    const double scale = 1 / std::sqrt(static_cast<double>(d * how_.terms()));
    const auto qh = split(q), kh = split(k);
    auto scores = at::matmul(qh, kh.transpose(1, 2) * scale);
    if (how_.relative) {
      const auto rows = how_.rows(n).to(q.device()).unsqueeze(0).expand({heads, n, n});
      if (keys.defined())
        scores = scores + at::matmul(qh, split(keys).transpose(1, 2)).gather(2, rows) * scale;
      if (queries.defined())
        scores = scores + at::matmul(kh, split(queries).transpose(1, 2))
                                  .gather(2, rows.transpose(1, 2).contiguous())
                                  .transpose(1, 2) *
                              scale;
    }
    return at::matmul(scores.softmax(-1), split(v)).transpose(0, 1).reshape({n, heads * d});
  }

  Distances how_;
  Tensor table_;  // [2 span, hidden]
  Norm table_norm_, conv_norm_;
  std::vector<Layer> own_keys_, own_queries_;  // of each block
  Tensor conv_, conv_bias_;                    // [hidden, hidden / groups, kernel]
  int64_t groups_ = 1;
  Activation conv_act_ = nullptr;
};

Plan deberta_plan(Source& c) {
  Plan p;
  p.hidden = c.size({"hidden_size"});
  p.heads = p.kv_heads = c.size({"num_attention_heads"});
  p.head_dim = p.hidden / p.heads;
  c.agree("attention_head_size", p.head_dim, "the hidden size by the heads");
  p.blocks = c.size({"num_hidden_layers"});
  p.max_length = c.get<int64_t>("max_position_embeddings", 512);
  p.norm = {NormForm::Layer, c.get("layer_norm_eps", 1e-7)};
  p.act = activation(c.get<std::string>("hidden_act", "gelu"), c.where());
  p.sees_all = p.norms_behind = true;
  p.embed = p.last_norm = p.gate = "";
  p.block = "deberta.encoder.layer";
  const std::string self = "attention.self.";
  p.q = self + "query_proj", p.k = self + "key_proj", p.v = self + "value_proj";
  p.o = "attention.output.dense";
  p.up = "intermediate.dense", p.down = "output.dense";
  p.attention_norm = "attention.output.LayerNorm", p.mlp_norm = "output.LayerNorm";
  p.qkv_bias = p.o_bias = p.mlp_bias = true;
  return p;
}

Distances distances_of(Source& c, const Plan& plan) {
  Distances d;
  d.relative = c.get("relative_attention", false);
  std::vector<std::string> kinds;
  if (c.has("pos_att_type") && c.config().at("pos_att_type").is_string()) {
    c.inert({"pos_att_type"});  // older files: "p2c|c2p"
    const auto text = c.config().at("pos_att_type").get<std::string>();
    for (const char* kind : {"c2p", "p2c"})
      if (text.find(kind) != std::string::npos) kinds.push_back(kind);
  } else {
    kinds = c.get("pos_att_type", std::vector<std::string>());
  }
  for (const auto& kind : kinds) {
    if (kind != "c2p" && kind != "p2c") c.refuse("pos_att_type");
    (kind == "c2p" ? d.from_content : d.to_content) = true;
  }
  d.shared = c.get("share_att_key", false);
  d.farthest = c.get<int64_t>("max_relative_positions", -1);
  if (d.farthest < 1) d.farthest = plan.max_length;
  d.buckets = std::max<int64_t>(c.get<int64_t>("position_buckets", -1), 0);
  d.span = d.buckets > 0 ? d.buckets : d.farthest;
  return d;
}

EncoderHead head_of(Source& c, const Plan& plan) {
  if (c.take_if("pooler.dense.weight").defined() || c.take_if("classifier.weight").defined()) {
    const auto act = c.get<std::string>("pooler_hidden_act", "gelu");
    c.skip("cls."), c.skip("lm_predictions."), c.skip("mask_predictions.");
    return {EncoderHead::Classes,
            "pooler.dense",
            "",
            act == "tanh" ? tanh : activation(act, c.where()),
            "",
            "classifier"};
  }
  c.inert({"pooler_hidden_act"});
  c.skip("mask_predictions.");
  const std::string old = "cls.predictions.", now = "lm_predictions.lm_head.";
  if (c.get("legacy", true)) {
    c.skip("lm_predictions.");
    return {EncoderHead::Words,          old + "transform.dense", "",          plan.act,
            old + "transform.LayerNorm", old + "decoder",         old + "bias"};
  }
  c.skip("cls.");
  return {EncoderHead::Words, now + "dense",   "",          plan.act,
          now + "LayerNorm",  now + "decoder", now + "bias"};
}

std::unique_ptr<Model> deberta(Source& c) {
  auto plan = deberta_plan(c);
  const auto distances = distances_of(c, plan);
  const std::string at = "deberta.embeddings.";
  EncoderStart start{at + "word_embeddings", "", "", at + "LayerNorm"};
  if (c.get("position_biased_input", true)) start.positions = at + "position_embeddings";
  if (c.get<int64_t>("type_vocab_size", 0) > 0) start.types = at + "token_type_embeddings";
  if (c.get<int64_t>("embedding_size", plan.hidden) != plan.hidden) {
    start.project = at + "embed_proj";
    start.project_first = true, start.project_bias = false;
  }
  if (!distances.relative) c.skip("deberta.encoder.LayerNorm.");  // made, and read by nothing
  c.inert({"pooler_hidden_size", "hidden_size", "norm_rel_ebd", "pooler_dropout"});
  auto head = head_of(c, plan);
  return std::make_unique<Deberta>(c, std::move(plan), std::move(start), std::move(head),
                                   distances);
}

[[maybe_unused]] const bool registered =
    enroll_encoder<deberta>("deberta-v2", "deberta", {"intermediate_size", "", "", ""});

}  // namespace
}  // namespace bench
