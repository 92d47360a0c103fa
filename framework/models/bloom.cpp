// BLOOM: ALiBi for any number of heads, a norm behind the embedding, fused q, k, v head by head,
// tanh GELU. transformers models/bloom/modeling_bloom.py.
#include "models/alibi.h"
#include "models/decoder.h"

namespace bench {
namespace {

struct Block {
  Norm before_attention, before_mlp;
  Layer qkv, dense, up, down;
  Tensor slopes;  // [heads] of this block: heads that stay keep theirs (mini_llm.md 3)
  std::string at;
};

class Bloom : public Decoder {
 public:
  explicit Bloom(const Checkpoint& checkpoint) {
    Source c(checkpoint);
    const auto hidden = c.size({"n_embed", "hidden_size"});
    const auto heads = c.size({"n_head", "num_attention_heads"});
    count_ = c.size({"n_layer", "num_hidden_layers"});
    head_dim_ = hidden / heads;
    const auto eps = c.get<double>("layer_norm_epsilon", 1e-5);
    post_norm_residual_ = c.get("apply_residual_connection_post_layernorm", false);
    max_length_ = c.get<int64_t>("seq_length", 2048);
    take_ends(c, "transformer.word_embeddings.weight", "lm_head.weight", true);
    embed_norm_ = c.layer_norm("transformer.word_embeddings_layernorm", eps);
    outer_ = {{embed_norm_.name + ".weight", &embed_norm_.weight},
              {embed_norm_.name + ".bias", &embed_norm_.bias}};
    norm_ = c.layer_norm("transformer.ln_f", eps);
    for (int64_t i = 0; i < count_; ++i) {
      const auto at = fmt::format("transformer.h.{}.", i);
      blocks_.push_back(
          {c.layer_norm(at + "input_layernorm", eps),
           c.layer_norm(at + "post_attention_layernorm", eps),
           c.layer(at + "self_attention.query_key_value", true),
           c.layer(at + "self_attention.dense", true), c.layer(at + "mlp.dense_h_to_4h", true),
           c.layer(at + "mlp.dense_4h_to_h", true), c.take_if(at + "alibi_slopes"), at});
      auto& b = blocks_.back();
      if (!b.slopes.defined()) b.slopes = alibi_slopes(heads);
      c.expect(b.slopes, at + "alibi_slopes", {b.dense.columns() / head_dim_});
    }
    // Kernels of the original training code, and the order of sums in half precision.
    c.inert({"attention_softmax_in_fp32", "bias_dropout_fusion", "masked_softmax_fusion",
             "offset_alibi", "skip_bias_add", "skip_bias_add_qkv", "slow_but_exact", "n_inner"});
    c.finish();
  }

  Tensor stem(const Batch& batch) const override { return embed_norm_(embedded(batch)); }

  Tensor block(int64_t index, const Tensor& x, const Batch& batch) const override {
    const auto& b = blocks_[static_cast<size_t>(index)];
    auto h = x;
    if (post_norm_residual_ || there(b.dense)) {
      const auto n = b.before_attention(x);
      if (post_norm_residual_) h = n;
      if (there(b.dense)) h = attention(index, n, batch) + h;
    }
    if (!there(b.down)) return post_norm_residual_ ? b.before_mlp(h) : h;
    const auto gelu = activation("gelu_tanh", "bloom");
    return by_rows(h, {&b.up, &b.down}, [&](const Tensor& t) {
      const auto m = b.before_mlp(t);
      return b.down(apply(gelu, b.up(m))) + (post_norm_residual_ ? m : t);
    });
  }

 protected:
  Parts parts(int64_t block) override {
    auto& b = blocks_[static_cast<size_t>(block)];
    return {{&b.qkv, &b.dense, &b.up, &b.down},
            {&b.before_attention, &b.before_mlp},
            {{&b.qkv, Slice::Out, 3 * head_dim_, 1, 3}, {&b.dense, Slice::In, head_dim_}},
            {{&b.up, Slice::Out}, {&b.down, Slice::In}},
            {{&b.slopes, Follower::Plain, 1, 0, "", false, alibi_slopes}},
            {{b.at + "alibi_slopes", &b.slopes, false}},
            post_norm_residual_ ? nullptr : &b.before_attention,
            post_norm_residual_ ? nullptr : &b.before_mlp};
  }

  std::string fixed_stream() const override { return "a norm stands behind its embedding"; }

  std::vector<Follower> outer_hidden() override {
    Group g;
    follow(g, embed_norm_);
    return g.followers;
  }

 private:
  Tensor attention(int64_t index, const Tensor& n, const Batch& batch) const {
    const auto& b = blocks_[static_cast<size_t>(index)];
    const auto fused = b.qkv(n);
    const auto part = [&](int64_t i) { return fused_part(fused, i, head_dim_); };
    const Attention how{head_dim_, index, {}, b.slopes};
    return b.dense(attend(part(0), part(1), part(2), batch, how));
  }

  Norm embed_norm_;
  std::vector<Block> blocks_;
  bool post_norm_residual_ = false;
};

[[maybe_unused]] const bool registered = enroll_decoder<Bloom>("bloom");

}  // namespace
}  // namespace bench
