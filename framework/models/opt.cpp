// OPT: learned positions with an offset of 2, biases everywhere, ReLU, norm before or after (350m),
// embeddings that may be projected. transformers models/opt/modeling_opt.py.
#include "models/parts.h"

namespace bench {
namespace {

constexpr int64_t kOffset = 2;

struct Block {
  Norm attention_norm, final_norm;
  Layer q, k, v, o, fc1, fc2;
};

class Opt : public Model {
 public:
  explicit Opt(const Checkpoint& c) {
    const auto hidden = setting<int64_t>(c, "hidden_size");
    attention_.head_dim = hidden / setting<int64_t>(c, "num_attention_heads");
    before_ = setting(c, "do_layer_norm_before", true);
    act_ = activation(setting<std::string>(c, "activation_function", "relu"), c.folder.string());
    max_length_ = setting<int64_t>(c, "max_position_embeddings", 2048);
    const std::string at = "model.decoder.";
    embed_ = c.take(at + "embed_tokens.weight");
    positions_ = c.take(at + "embed_positions.weight");
    expect_shape(c, positions_, at + "embed_positions.weight", {max_length_ + kOffset, hidden});
    in_ = c.take_if(at + "project_in.weight");
    out_ = c.take_if(at + "project_out.weight");
    if (before_ && !setting(c, "_remove_final_layer_norm", false))
      norm_ = take_norm(c, at + "final_layer_norm");
    for (int64_t i = 0; i < setting<int64_t>(c, "num_hidden_layers"); ++i) {
      const auto b = fmt::format("{}layers.{}.", at, i);
      blocks_.push_back(
          {take_norm(c, b + "self_attn_layer_norm"), take_norm(c, b + "final_layer_norm"),
           take_layer(c, b + "self_attn.q_proj"), take_layer(c, b + "self_attn.k_proj"),
           take_layer(c, b + "self_attn.v_proj"), take_layer(c, b + "self_attn.out_proj"),
           take_layer(c, b + "fc1"), take_layer(c, b + "fc2")});
    }
    head_ = c.take_if("lm_head.weight");
    if (setting(c, "tie_word_embeddings", true)) head_ = Tensor();
  }

  Tensor stem(const Batch& batch) const override {
    const auto longest = batch.positions.numel() ? batch.positions.max().item<int64_t>() : 0;
    if (longest >= max_length_)
      fail("a sequence of {} tokens is longer than the {} positions of this OPT", longest + 1,
           max_length_);
    auto x = embed_.index_select(0, batch.ids);
    if (in_.defined()) x = linear_rows(x, in_, {});
    return x + positions_.index_select(0, batch.positions + kOffset);
  }

  Tensor block(int64_t index, const Tensor& x, const Batch& batch) const override {
    const auto& b = blocks_[static_cast<size_t>(index)];
    const auto n = before_ ? b.attention_norm(x) : x;
    auto h = x + b.o(attend(b.q(n), b.k(n), b.v(n), batch, attention_));
    if (!before_) h = b.attention_norm(h);
    const auto m = before_ ? b.final_norm(h) : h;
    h = h + b.fc2(apply(act_, b.fc1(m)));
    return before_ ? h : b.final_norm(h);
  }

  Tensor head(const Tensor& hidden, const Batch&) const override {
    auto x = norm_.weight.defined() ? norm_(hidden) : hidden;
    if (out_.defined()) x = linear_rows(x, out_, {});
    return linear_rows(x, head_.defined() ? head_ : embed_, {}).to(at::kFloat);
  }

  int64_t block_count() const override { return static_cast<int64_t>(blocks_.size()); }

  std::vector<Layer*> layers(int64_t block) override {
    auto& b = blocks_[static_cast<size_t>(block)];
    return {&b.q, &b.k, &b.v, &b.o, &b.fc1, &b.fc2};
  }

  std::vector<Group> groups(const std::string& kind) override {
    std::vector<Group> all;
    for (int64_t i = 0; i < block_count(); ++i) {
      auto& b = blocks_[static_cast<size_t>(i)];
      const auto d = attention_.head_dim;
      Group g{fmt::format("block.{}.{}", i, kind == "head" ? "attn" : "mlp"), kind, i, i};
      if (kind == "head") {
        g.units = b.q.rows() / d;
        g.unit_width = d;
        g.slices = {{&b.q, Slice::Out, d},
                    {&b.o, Slice::In, d},
                    {&b.v, Slice::Out, d},
                    {&b.k, Slice::Out, d}};
      } else if (kind == "neuron") {
        g.units = b.fc1.rows();
        g.slices = {{&b.fc1, Slice::Out}, {&b.fc2, Slice::In}};
      } else {
        return {};
      }
      all.push_back(std::move(g));
    }
    return all;
  }

  std::vector<Named> tensors() override {
    const std::string at = "model.decoder.";
    std::vector<Named> all{{at + "embed_tokens.weight", &embed_},
                           {at + "embed_positions.weight", &positions_},
                           {at + "project_in.weight", &in_},
                           {at + "project_out.weight", &out_}};
    const auto norm = [&](const std::string& name, Norm& n) {
      all.push_back({name + ".weight", &n.weight});
      all.push_back({name + ".bias", &n.bias});
    };
    for (size_t i = 0; i < blocks_.size(); ++i) {
      for (Layer* l : layers(static_cast<int64_t>(i))) {
        all.push_back({l->weight_name(), &l->weight});
        all.push_back({l->name + ".bias", &l->bias});
      }
      norm(fmt::format("{}layers.{}.self_attn_layer_norm", at, i), blocks_[i].attention_norm);
      norm(fmt::format("{}layers.{}.final_layer_norm", at, i), blocks_[i].final_norm);
    }
    norm(at + "final_layer_norm", norm_);
    all.push_back({"lm_head.weight", &head_});
    return all;
  }

  int64_t max_length() const override { return max_length_; }

 private:
  static Norm take_norm(const Checkpoint& c, const std::string& name) {
    return {c.take(name + ".weight"), c.take_if(name + ".bias"), 1e-5, false};
  }

  Tensor embed_, positions_, in_, out_, head_;  // head_ undefined: tied
  std::vector<Block> blocks_;
  Norm norm_;  // undefined: none
  Attention attention_{};
  bool before_ = true;
  Activation act_ = nullptr;
  int64_t max_length_ = 0;
};

std::unique_ptr<Model> make(const Checkpoint& c) {
  return std::make_unique<Opt>(c);
}
[[maybe_unused]] const bool registered = enroll_model("opt", {make, {"head", "neuron"}});

}  // namespace
}  // namespace bench
