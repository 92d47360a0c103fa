// BLOOM: ALiBi for any number of heads, a norm behind the embedding, fused q, k, v head by head,
// tanh GELU. transformers models/bloom/modeling_bloom.py.
#include <cmath>

#include "models/parts.h"

namespace bench {
namespace {

struct Block {
  Norm before_attention, before_mlp;
  Layer qkv, dense, up, down;
  Tensor slopes;  // [heads] of this block: heads that stay keep theirs (mini_llm.md 3)
};

/// Slopes for n heads: powers of 2^(-8/c) for the largest power of two c <= n, then odd powers of
/// 2^(-4/c) for the rest (golden/README 1).
Tensor alibi_slopes(int64_t heads) {
  int64_t c = 1;
  while (c * 2 <= heads) c *= 2;
  std::vector<float> slopes;
  for (int64_t i = 1; i <= c; ++i)
    slopes.push_back(static_cast<float>(std::pow(2.0, -8.0 * double(i) / double(c))));
  for (int64_t i = 0; i < heads - c; ++i)
    slopes.push_back(static_cast<float>(std::pow(2.0, -4.0 * double(2 * i + 1) / double(c))));
  return at::tensor(slopes);
}

class Bloom : public Model {
 public:
  explicit Bloom(const Checkpoint& c) {
    const auto hidden = setting<int64_t>(c, "hidden_size", setting<int64_t>(c, "n_embed", 0));
    const auto heads = setting<int64_t>(c, "n_head", setting<int64_t>(c, "num_attention_heads", 0));
    const auto count = setting<int64_t>(c, "n_layer", setting<int64_t>(c, "num_hidden_layers", 0));
    if (hidden == 0 || heads == 0 || count == 0)
      fail("{}/config.json: hidden_size, n_head and n_layer are needed", c.folder.string());
    head_dim_ = hidden / heads;
    eps_ = setting<double>(c, "layer_norm_epsilon", 1e-5);
    post_norm_residual_ = setting(c, "apply_residual_connection_post_layernorm", false);
    max_length_ = setting<int64_t>(c, "seq_length", 2048);
    embed_ = c.take("transformer.word_embeddings.weight");
    embed_norm_ = take_norm(c, "transformer.word_embeddings_layernorm");
    norm_ = take_norm(c, "transformer.ln_f");
    head_ = c.take_if("lm_head.weight");
    if (setting(c, "tie_word_embeddings", true)) head_ = Tensor();
    for (int64_t i = 0; i < count; ++i) {
      const auto at = fmt::format("transformer.h.{}.", i);
      blocks_.push_back(
          {take_norm(c, at + "input_layernorm"), take_norm(c, at + "post_attention_layernorm"),
           take_layer(c, at + "self_attention.query_key_value"),
           take_layer(c, at + "self_attention.dense"), take_layer(c, at + "mlp.dense_h_to_4h"),
           take_layer(c, at + "mlp.dense_4h_to_h"), alibi_slopes(heads)});
    }
  }

  Tensor stem(const Batch& batch) const override {
    return embed_norm_(embed_.index_select(0, batch.ids));
  }

  Tensor block(int64_t index, const Tensor& x, const Batch& batch) const override {
    const auto& b = blocks_[static_cast<size_t>(index)];
    const auto n = b.before_attention(x);
    const auto fused = b.qkv(n).reshape({x.size(0), -1, 3, head_dim_});
    const auto part = [&](int64_t i) { return fused.select(2, i).reshape({x.size(0), -1}); };
    const Attention how{head_dim_, 0, b.slopes};
    const auto a = b.dense(attend(part(0), part(1), part(2), batch, how));
    const auto h = a + (post_norm_residual_ ? n : x);
    const auto m = b.before_mlp(h);
    const auto gelu = activation("gelu_tanh", "bloom");
    return b.down(apply(gelu, b.up(m))) + (post_norm_residual_ ? m : h);
  }

  Tensor head(const Tensor& hidden, const Batch&) const override {
    return linear_rows(norm_(hidden), head_.defined() ? head_ : embed_, {}).to(at::kFloat);
  }

  int64_t block_count() const override { return static_cast<int64_t>(blocks_.size()); }

  std::vector<Layer*> layers(int64_t block) override {
    auto& b = blocks_[static_cast<size_t>(block)];
    return {&b.qkv, &b.dense, &b.up, &b.down};
  }

  std::vector<Group> groups(const std::string& kind) override {
    std::vector<Group> all;
    for (int64_t i = 0; i < block_count(); ++i) {
      auto& b = blocks_[static_cast<size_t>(i)];
      Group g{fmt::format("block.{}.{}", i, kind == "head" ? "attn" : "mlp"), kind, i, i};
      if (kind == "head") {
        g.units = b.qkv.rows() / (3 * head_dim_);
        g.unit_width = head_dim_;
        g.slices = {{&b.qkv, Slice::Out, 3 * head_dim_}, {&b.dense, Slice::In, head_dim_}};
        g.followers = {{&b.slopes, Follower::Plain, 1}};
      } else if (kind == "neuron") {
        g.units = b.up.rows();
        g.slices = {{&b.up, Slice::Out}, {&b.down, Slice::In}};
      } else {
        return {};
      }
      all.push_back(std::move(g));
    }
    return all;
  }

  std::vector<Named> tensors() override {
    std::vector<Named> all{{"transformer.word_embeddings.weight", &embed_}};
    const auto norm = [&](const std::string& name, Norm& n) {
      all.push_back({name + ".weight", &n.weight});
      all.push_back({name + ".bias", &n.bias});
    };
    norm("transformer.word_embeddings_layernorm", embed_norm_);
    for (size_t i = 0; i < blocks_.size(); ++i) {
      auto& b = blocks_[i];
      const auto at = fmt::format("transformer.h.{}.", i);
      norm(at + "input_layernorm", b.before_attention);
      for (Layer* l : layers(static_cast<int64_t>(i))) {
        all.push_back({l->weight_name(), &l->weight});
        all.push_back({l->name + ".bias", &l->bias});
      }
      norm(at + "post_attention_layernorm", b.before_mlp);
      all.push_back({at + "alibi_slopes", &b.slopes, false});
    }
    norm("transformer.ln_f", norm_);
    all.push_back({"lm_head.weight", &head_});
    return all;
  }

  int64_t max_length() const override { return max_length_; }

 private:
  Norm take_norm(const Checkpoint& c, const std::string& name) const {
    return {c.take(name + ".weight"), c.take(name + ".bias"), eps_, false};
  }

  Tensor embed_, head_;  // head_ undefined: tied
  Norm embed_norm_, norm_;
  std::vector<Block> blocks_;
  int64_t head_dim_ = 0, max_length_ = 0;
  double eps_ = 1e-5;
  bool post_norm_residual_ = false;
};

std::unique_ptr<Model> make(const Checkpoint& c) {
  return std::make_unique<Bloom>(c);
}
[[maybe_unused]] const bool registered = enroll_model("bloom", {make, {"head", "neuron"}});

}  // namespace
}  // namespace bench
