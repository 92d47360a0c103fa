// OPT: learned positions with an offset of 2, biases, ReLU, norm before or after (350m), embeddings
// that may be projected. transformers models/opt/modeling_opt.py.
#include "models/decoder.h"

namespace bench {
namespace {

constexpr int64_t kOffset = 2;

struct Block {
  Norm attention_norm, final_norm;
  Layer q, k, v, o, fc1, fc2;
};

class Opt : public Decoder {
 public:
  explicit Opt(const Checkpoint& checkpoint) {
    Source c(checkpoint);
    const auto hidden = c.get<int64_t>("hidden_size");
    head_dim_ = hidden / c.size({"num_attention_heads"});
    before_ = c.get("do_layer_norm_before", true);
    affine_ = c.get("layer_norm_elementwise_affine", true);
    bias_ = c.get("enable_bias", true);
    act_ = activation(c.get<std::string>("activation_function", "relu"), c.where());
    max_length_ = c.get<int64_t>("max_position_embeddings", 2048);
    const std::string at = "model.decoder.";
    take_ends(c, at + "embed_tokens.weight", "lm_head.weight", true);
    positions_ = c.take(at + "embed_positions.weight");
    c.expect(positions_, at + "embed_positions.weight", {max_length_ + kOffset, hidden});
    if (c.get<int64_t>("word_embed_proj_dim", hidden) != hidden) {
      in_ = c.take(at + "project_in.weight");
      out_ = c.take(at + "project_out.weight");
    }
    outer_ = {{at + "embed_positions.weight", &positions_},
              {at + "project_in.weight", &in_},
              {at + "project_out.weight", &out_}};
    if (before_ && !c.get("_remove_final_layer_norm", false))
      norm_ = c.layer_norm(at + "final_layer_norm", kEps, affine_);
    count_ = c.size({"num_hidden_layers"});
    for (int64_t i = 0; i < count_; ++i)
      blocks_.push_back(take_block(c, fmt::format("{}layers.{}.", at, i)));
    c.inert({"ffn_dim"});
    c.finish({"decoder.version"});
  }

  Tensor stem(const Batch& batch) const override {
    check_positions(batch);
    auto x = embedded(batch);
    if (in_.defined()) x = linear_rows(x, in_, {});
    return x + positions_.index_select(0, batch.positions + kOffset);
  }

  Tensor block(int64_t index, const Tensor& x, const Batch& batch) const override {
    const auto& b = blocks_[static_cast<size_t>(index)];
    auto h = stay(x, index, 0);
    if (there(b.o)) {
      const auto n = before_ ? b.attention_norm(x) : x;
      h = h + b.o(attend(b.q(n), b.k(n), b.v(n), batch, {head_dim_, index}));
    }
    if (!before_) h = b.attention_norm(h);
    if (!there(b.fc2)) return before_ ? stay(h, index, 1) : b.final_norm(h);
    return by_rows(h, {&b.fc1, &b.fc2}, [&](const Tensor& t) {
      const auto m = before_ ? b.final_norm(t) : t;
      const auto y = stay(t, index, 1) + b.fc2(apply(act_, b.fc1(m)));
      return before_ ? y : b.final_norm(y);
    });
  }

  Tensor features(const Tensor& hidden, const Batch&) const override {
    const auto x = norm_.name.empty() ? hidden : norm_(hidden);
    return out_.defined() ? linear_rows(x, out_, {}) : read_by_head(x);
  }

 protected:
  Parts parts(int64_t block) override {
    auto& b = blocks_[static_cast<size_t>(block)];
    const auto d = head_dim_;
    return {
        {&b.q, &b.k, &b.v, &b.o, &b.fc1, &b.fc2},
        {&b.attention_norm, &b.final_norm},
        {{&b.q, Slice::Out, d}, {&b.o, Slice::In, d}, {&b.v, Slice::Out, d}, {&b.k, Slice::Out, d}},
        {{&b.fc1, Slice::Out}, {&b.fc2, Slice::In}},
        {},
        {},
        before_ ? &b.attention_norm : nullptr,
        before_ ? &b.final_norm : nullptr};
  }

  std::string fixed_stream() const override {
    if (!before_) return "its norms stand behind the sublayers";
    return in_.defined() ? "its embeddings are projected" : "";
  }

  std::vector<Follower> outer_hidden() override {
    std::vector<Follower> all{
        {&positions_, Follower::Affine, 1, 1, "model.decoder.embed_positions.weight", true}};
    if (in_.defined())
      all.push_back({&in_, Follower::Affine, 1, 0, "model.decoder.project_in.weight"});
    if (out_.defined())
      all.push_back({&out_, Follower::Affine, 1, 1, "model.decoder.project_out.weight"});
    return all;
  }

 private:
  static constexpr double kEps = 1e-5;

  Block take_block(Source& c, const std::string& at) const {
    return {c.layer_norm(at + "self_attn_layer_norm", kEps, affine_),
            c.layer_norm(at + "final_layer_norm", kEps, affine_),
            c.layer(at + "self_attn.q_proj", bias_),
            c.layer(at + "self_attn.k_proj", bias_),
            c.layer(at + "self_attn.v_proj", bias_),
            c.layer(at + "self_attn.out_proj", bias_),
            c.layer(at + "fc1", bias_),
            c.layer(at + "fc2", bias_)};
  }

  Tensor positions_, in_, out_;
  std::vector<Block> blocks_;
  bool before_ = true, affine_ = true, bias_ = true;
  Activation act_ = nullptr;
};

[[maybe_unused]] const bool registered = enroll_decoder<Opt>("opt", {"ffn_dim", "", "", ""});

}  // namespace
}  // namespace bench
