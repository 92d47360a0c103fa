// GPT-2: learned positions, fused c_attn (all queries, all keys, all values), tanh GELU, weights
// stored as [in, out]. transformers models/gpt2/modeling_gpt2.py.
#include <cmath>

#include "models/decoder.h"

namespace bench {
namespace {

struct Block {
  Norm before_attention, before_mlp;
  Layer qkv, out, up, down;
};

class Gpt2 : public Decoder {
 public:
  explicit Gpt2(const Checkpoint& checkpoint) {
    Source c(checkpoint);
    const auto hidden = c.size({"n_embd", "hidden_size"});
    head_dim_ = hidden / c.size({"n_head", "num_attention_heads"});
    count_ = c.size({"n_layer", "num_hidden_layers"});
    max_length_ = c.size({"n_positions", "max_position_embeddings"});
    act_ = activation(c.get<std::string>("activation_function", "gelu_new"), c.where());
    scale_weights_ = c.get("scale_attn_weights", true);
    scale_by_layer_ = c.get("scale_attn_by_inverse_layer_idx", false);
    c.only("add_cross_attention", false);
    const auto eps = c.get<double>("layer_norm_epsilon", 1e-5);
    take_ends(c, "transformer.wte.weight", "lm_head.weight", true);
    positions_ = c.take("transformer.wpe.weight");
    c.expect(positions_, "transformer.wpe.weight", {max_length_, hidden});
    outer_ = {{"transformer.wpe.weight", &positions_}};
    norm_ = c.layer_norm("transformer.ln_f", eps);
    for (int64_t i = 0; i < count_; ++i) {
      const auto at = fmt::format("transformer.h.{}.", i);
      blocks_.push_back({c.layer_norm(at + "ln_1", eps), c.layer_norm(at + "ln_2", eps),
                         c.conv1d(at + "attn.c_attn", true), c.conv1d(at + "attn.c_proj", true),
                         c.conv1d(at + "mlp.c_fc", true), c.conv1d(at + "mlp.c_proj", true)});
      const auto& b = blocks_.back();
      c.expect(b.qkv.weight, b.qkv.weight_name() + ", transposed,", {3 * b.out.columns(), hidden});
    }
    // reorder_and_upcast_attn orders half-precision products; everything here is float32.
    c.inert({"n_inner", "n_ctx", "reorder_and_upcast_attn", "summary_type", "summary_use_proj",
             "summary_activation", "summary_first_dropout", "summary_proj_to_labels"});
    c.finish({".attn.bias", ".attn.masked_bias"});
  }

  Tensor stem(const Batch& batch) const override {
    check_positions(batch);
    return embedded(batch) + positions_.index_select(0, batch.positions);
  }

  Tensor block(int64_t index, const Tensor& x, const Batch& batch) const override {
    const auto& b = blocks_[static_cast<size_t>(index)];
    auto h = stay(x, index, 0);
    if (there(b.out)) {
      const auto qkv = b.qkv(b.before_attention(x)).chunk(3, 1);
      Attention how{head_dim_, index};
      how.scale = scale_weights_ ? 1 / std::sqrt(static_cast<double>(head_dim_)) : 1;
      if (scale_by_layer_) how.scale /= static_cast<double>(index + 1);
      h = h + b.out(attend(qkv[0], qkv[1], qkv[2], batch, how));
    }
    if (!there(b.down)) return stay(h, index, 1);
    return by_rows(h, {&b.up, &b.down}, [&](const Tensor& t) {
      return stay(t, index, 1) + b.down(apply(act_, b.up(b.before_mlp(t))));
    });
  }

 protected:
  Parts parts(int64_t block) override {
    auto& b = blocks_[static_cast<size_t>(block)];
    return {{&b.qkv, &b.out, &b.up, &b.down},
            {&b.before_attention, &b.before_mlp},
            {{&b.qkv, Slice::Out, head_dim_, 3}, {&b.out, Slice::In, head_dim_}},
            {{&b.up, Slice::Out}, {&b.down, Slice::In}},
            {},
            {},
            &b.before_attention,
            &b.before_mlp};
  }

  std::vector<Follower> outer_hidden() override {
    return {{&positions_, Follower::Affine, 1, 1, "transformer.wpe.weight", true}};
  }

 private:
  Tensor positions_;
  std::vector<Block> blocks_;
  Activation act_ = nullptr;
  bool scale_weights_ = true, scale_by_layer_ = false;
};

[[maybe_unused]] const bool registered = enroll_decoder<Gpt2>("gpt2", {"n_inner", "", "", ""});

}  // namespace
}  // namespace bench
