// GPT-NeoX, Pythia: rotary positions on a share of each head, fused q, k, v head by head, attention
// and MLP side by side. transformers models/gpt_neox/modeling_gpt_neox.py.
#include "models/decoder.h"

namespace bench {
namespace {

struct Block {
  Norm before_attention, before_mlp;
  Layer qkv, dense, up, down;
};

class GptNeox : public Decoder {
 public:
  explicit GptNeox(const Checkpoint& checkpoint) {
    Source c(checkpoint);
    head_dim_ = c.size({"hidden_size"}) / c.size({"num_attention_heads"});
    count_ = c.size({"num_hidden_layers"});
    max_length_ = c.get<int64_t>("max_position_embeddings", 2048);
    act_ = activation(c.get<std::string>("hidden_act", "gelu"), c.where());
    parallel_ = c.get("use_parallel_residual", true);
    // Before it had a key of its own, the share of a head that is rotated was a quarter.
    const auto theta = c.get<double>("rotary_emb_base", 10000);
    const auto share = c.get<double>("rotary_pct", 0.25);
    // Newer versions of transformers write both again under names that other families use.
    c.only("rope_theta", theta);
    c.only("partial_rotary_factor", share);
    rope_ = Rope(c, head_dim_, {theta, share});
    const bool bias = c.get("attention_bias", true);
    const auto eps = c.get<double>("layer_norm_eps", 1e-5);
    take_ends(c, "gpt_neox.embed_in.weight", "embed_out.weight", false);
    norm_ = c.layer_norm("gpt_neox.final_layer_norm", eps);
    for (int64_t i = 0; i < count_; ++i) {
      const auto at = fmt::format("gpt_neox.layers.{}.", i);
      blocks_.push_back(
          {c.layer_norm(at + "input_layernorm", eps),
           c.layer_norm(at + "post_attention_layernorm", eps),
           c.layer(at + "attention.query_key_value", bias), c.layer(at + "attention.dense", bias),
           c.layer(at + "mlp.dense_h_to_4h", true), c.layer(at + "mlp.dense_4h_to_h", true)});
    }
    c.inert({"intermediate_size"});
    c.finish({".attention.bias", ".attention.masked_bias", "rotary_emb.inv_freq"});
  }

  Tensor stem(const Batch& batch) const override {
    rope_.reach(batch);
    return embedded(batch);
  }

  Tensor block(int64_t index, const Tensor& x, const Batch& batch) const override {
    const auto& b = blocks_[static_cast<size_t>(index)];
    const auto mlp = [&](const Tensor& in) {
      return by_rows(in, {&b.up, &b.down},
                     [&](const Tensor& t) { return b.down(apply(act_, b.up(b.before_mlp(t)))); });
    };
    if (parallel_) {
      const auto a = there(b.dense) ? attention(index, x, batch) : Tensor();
      if (!there(b.down)) return a.defined() ? a + x : x;
      return a.defined() ? mlp(x) + a + x : mlp(x) + x;
    }
    auto h = stay(x, index, 0);
    if (there(b.dense)) h = attention(index, x, batch) + h;
    return there(b.down) ? mlp(h) + stay(h, index, 1) : stay(h, index, 1);
  }

 protected:
  std::string fixed_stream() const override {
    return parallel_ ? "attention and MLP read it side by side" : "";
  }

  Parts parts(int64_t block) override {
    auto& b = blocks_[static_cast<size_t>(block)];
    return {{&b.qkv, &b.dense, &b.up, &b.down},
            {&b.before_attention, &b.before_mlp},
            {{&b.qkv, Slice::Out, 3 * head_dim_, 1, 3}, {&b.dense, Slice::In, head_dim_}},
            {{&b.up, Slice::Out}, {&b.down, Slice::In}},
            {},
            {},
            &b.before_attention,
            &b.before_mlp};
  }

 private:
  Tensor attention(int64_t index, const Tensor& x, const Batch& batch) const {
    const auto& b = blocks_[static_cast<size_t>(index)];
    const auto fused = b.qkv(b.before_attention(x));
    const auto part = [&](int64_t i) { return fused_part(fused, i, head_dim_); };
    const auto q = rope_(part(0), batch), k = rope_(part(1), batch);
    return b.dense(attend(q, k, part(2), batch, {head_dim_, index}));
  }

  std::vector<Block> blocks_;
  Rope rope_;
  Activation act_ = nullptr;
  bool parallel_ = true;
};

[[maybe_unused]] const bool registered =
    enroll_decoder<GptNeox>("gpt_neox", {"intermediate_size", "", "", ""});

}  // namespace
}  // namespace bench
