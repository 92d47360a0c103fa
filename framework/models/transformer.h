#pragma once
#include "core/thresholds.h"
#include "models/plan.h"

namespace bench {

/// A network of attention and MLPs that is built as a plan says.
class Transformer : public Decoder, public Thresholded {
 public:
  Transformer(Source& source, Plan plan);

  Tensor stem(const Batch& batch) const override;
  Tensor block(int64_t index, const Tensor& x, const Batch& batch) const override;
  Tensor features(const Tensor& hidden, const Batch& batch) const override;
  int64_t steady_length() const override;
  /// And where the plan says so "head_dim": one channel of all heads of a block, which thereby stay
  /// as wide as one another. Products of queries and keys are scaled as in the dense model.
  std::vector<Group> groups(const std::string& kind) override;
  Thresholds thresholds(int64_t block) override;
  Tensor gated(int64_t block, const Tensor& x) const override;

 protected:
  Parts parts(int64_t block) override;
  std::string fixed_stream() const override;
  std::vector<Follower> outer_hidden() override;

  struct Block {
    Norm before_attention, after_attention, before_mlp, after_mlp, q_norm, k_norm;
    Layer q, k, v, qkv, o, gate, up, gate_up, down;
    Tensor slopes, sinks;               // [heads] of this block: heads that stay keep theirs
    Tensor attention_scale, mlp_scale;  // [hidden]
    Tensor quiet;                       // core/thresholds.h
    Tensor dims;  // int32 [head_dim]: which channels of the heads are left (plan.head_dims)
    std::string at;
    std::unique_ptr<Latent> latent;
    std::unique_ptr<Experts> experts;

    /// Its own layers in order of use.
    std::vector<const Layer*> own() const;
    /// What a layer hears of its input.
    Tensor heard(const Layer& layer, const Tensor& x) const;
    /// What is left of a gate's activations.
    Tensor opened(const Tensor& gate) const;
  };
  /// [T, heads * value_dim] of a block's projected rows.
  virtual Tensor attended(int64_t index, const Projected& p, const Batch& batch,
                          const Attention& how) const;

  Plan plan_;
  std::vector<Block> blocks_;

 private:
  Block take_block(Source& c, int64_t index);
  void take_attention(Source& c, Block& b);
  void take_mlp(Source& c, Block& b, bool sparse);
  Norm qk_norm(Source& c, const std::string& name, int64_t heads) const;
  void check_attention(Source& c, const Block& b) const;
  void check_mlp(Source& c, const Block& b) const;

  bool shares_queries() const { return plan_.kv_heads == 1 && plan_.heads > 1; }
  int64_t queries_a_key() const { return plan_.heads / plan_.kv_heads; }
  int64_t head_dim(const Block& b) const {
    return b.dims.defined() ? b.dims.size(0) : plan_.head_dim;
  }
  int64_t value_dim(const Block& b) const {
    return plan_.latent ? plan_.latent->value : head_dim(b);
  }
  Norm norm_if(Source& c, const std::string& at, const std::string& name) const;

  Tensor attention(int64_t index, const Tensor& n, const Batch& batch) const;
  Projected projected(int64_t index, const Tensor& n, const Batch& batch) const;
  Projected cut_up(const Block& b, const Tensor& fused) const;
  Tensor mlp(const Block& b, const Tensor& m) const;
  Tensor side_by_side(int64_t index, const Tensor& x, const Batch& batch) const;
  bool has_mlp(const Block& b) const { return b.experts ? b.experts->any() : there(b.down); }
  Tensor weighed(const Tensor& branch, const Tensor& scale) const {
    if (scale.defined()) return branch * scale;
    return plan_.residual == 1 ? branch : branch * plan_.residual;
  }
  Tensor normed_behind(int64_t index, const Tensor& x, const Batch& batch) const;

  void add_heads(Block& b, Parts& p);
  void add_fused_heads(Block& b, Parts& p);
  void add_head_followers(Block& b, Parts& p);
  void add_stream(Block& b, Parts& p);

  Tensor positions_;
};

/// Registers a family by the function that declares it, at namespace scope.
template <Plan (*declare)(Source&)>
bool enroll_plan(const char* model_type, const WidthKeys& widths = llama_widths(),
                 bool experts = false, const char* file = __builtin_FILE()) {
  const ModelFactory make = [](const Checkpoint& c) -> std::unique_ptr<Model> {
    Source source(c);
    auto plan = declare(source);
    const auto buffers = plan.buffers;
    auto model = std::make_unique<Transformer>(source, std::move(plan));
    source.finish(buffers);
    return model;
  };
  return enroll_model(model_type, {make, decoder_kinds(experts), false, widths}, file);
}

}  // namespace bench
