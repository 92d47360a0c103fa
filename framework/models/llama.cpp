// The LLaMA family: LLaMA 1-3, Mistral (sliding window), Qwen2 (biases). Pre-norm RMSNorm, rotary
// positions, grouped-query attention, gated MLP. transformers models/llama/modeling_llama.py.
#include "models/parts.h"

namespace bench {
namespace {

struct Block {
  Norm before_attention, before_mlp;
  Layer q, k, v, o, gate, up, down;
};

class Llama : public Model {
 public:
  explicit Llama(const Checkpoint& c) {
    const auto hidden = setting<int64_t>(c, "hidden_size");
    const auto heads = setting<int64_t>(c, "num_attention_heads");
    attention_.head_dim = setting<int64_t>(c, "head_dim", hidden / heads);
    const bool windowed = c.model_type() != "qwen2" || setting(c, "use_sliding_window", false);
    attention_.window = windowed ? setting<int64_t>(c, "sliding_window", 0) : 0;
    max_length_ = setting<int64_t>(c, "max_position_embeddings", 2048);
    act_ = activation(setting<std::string>(c, "hidden_act", "silu"), c.folder.string());
    rope_ = Rope(c.config, attention_.head_dim, c.folder.string());
    const auto eps = setting<double>(c, "rms_norm_eps", 1e-6);
    embed_ = c.take_if("model.embed_tokens.weight");
    head_ = c.take_if("lm_head.weight");
    const bool tied = setting(c, "tie_word_embeddings", false);
    // Some files store the tied matrix under the head's name alone (golden/README 6).
    if (!embed_.defined() && tied) embed_ = head_;
    if (!embed_.defined()) embed_ = c.take("model.embed_tokens.weight");
    if (tied || !head_.defined()) {
      if (!tied)
        fail("{}: lm_head.weight is missing and config.json does not tie it", c.folder.string());
      head_ = Tensor();
    }
    norm_ = {c.take("model.norm.weight"), {}, eps, true};
    for (int64_t i = 0; i < setting<int64_t>(c, "num_hidden_layers"); ++i)
      blocks_.push_back(take_block(c, fmt::format("model.layers.{}.", i), eps));
    for (const auto& b : blocks_) {
      expect_shape(c, b.o.weight, b.o.weight_name(), {hidden, b.q.rows()});
      expect_shape(c, b.down.weight, b.down.weight_name(), {hidden, b.gate.rows()});
      if (b.k.rows() == 0 || b.q.rows() % b.k.rows() != 0 || b.k.rows() % attention_.head_dim != 0)
        fail("{}: {} does not split into heads of {}", c.folder.string(), b.k.weight_name(),
             attention_.head_dim);
    }
  }

  Tensor stem(const Batch& batch) const override {
    rope_.reach(batch.positions);
    return embed_.index_select(0, batch.ids);
  }

  Tensor block(int64_t index, const Tensor& x, const Batch& batch) const override {
    const auto& b = blocks_[static_cast<size_t>(index)];
    const auto n = b.before_attention(x);
    const auto q = rope_(b.q(n), batch.positions), k = rope_(b.k(n), batch.positions);
    const auto h = x + b.o(attend(q, k, b.v(n), batch, attention_));
    const auto m = b.before_mlp(h);
    const auto act = act_;
    const auto inner =
        rowwise(b.gate(m), b.up(m), [act](const Tensor& g, const Tensor& u) { return act(g) * u; });
    return h + b.down(inner);
  }

  Tensor head(const Tensor& hidden, const Batch&) const override {
    return linear_rows(norm_(hidden), head_.defined() ? head_ : embed_, {}).to(at::kFloat);
  }

  int64_t block_count() const override { return static_cast<int64_t>(blocks_.size()); }

  std::vector<Layer*> layers(int64_t block) override {
    auto& b = blocks_[static_cast<size_t>(block)];
    return {&b.q, &b.k, &b.v, &b.o, &b.gate, &b.up, &b.down};
  }

  std::vector<Group> groups(const std::string& kind) override {
    std::vector<Group> all;
    for (int64_t i = 0; i < block_count(); ++i) {
      auto& b = blocks_[static_cast<size_t>(i)];
      const auto d = attention_.head_dim;
      Group g{fmt::format("block.{}.{}", i, kind == "head" ? "attn" : "mlp"), kind, i, i};
      if (kind == "head") {
        // A unit is one key/value head with the query heads that read it (mini_llm.md 3).
        g.units = b.k.rows() / d;
        g.unit_width = d;
        const auto queries = b.q.rows() / b.k.rows() * d;
        g.slices = {{&b.q, Slice::Out, queries},
                    {&b.o, Slice::In, queries},
                    {&b.v, Slice::Out, d},
                    {&b.k, Slice::Out, d}};
      } else if (kind == "neuron") {
        g.units = b.gate.rows();
        g.slices = {{&b.gate, Slice::Out}, {&b.up, Slice::Out}, {&b.down, Slice::In}};
      } else {
        return {};
      }
      all.push_back(std::move(g));
    }
    return all;
  }

  std::vector<Named> tensors() override {
    std::vector<Named> all{{"model.embed_tokens.weight", &embed_}};
    for (size_t i = 0; i < blocks_.size(); ++i) {
      auto& b = blocks_[i];
      for (Layer* l : layers(static_cast<int64_t>(i))) {
        all.push_back({l->weight_name(), &l->weight});
        all.push_back({l->name + ".bias", &l->bias});
      }
      const auto at = fmt::format("model.layers.{}.", i);
      all.push_back({at + "input_layernorm.weight", &b.before_attention.weight});
      all.push_back({at + "post_attention_layernorm.weight", &b.before_mlp.weight});
    }
    all.push_back({"model.norm.weight", &norm_.weight});
    all.push_back({"lm_head.weight", &head_});
    return all;
  }

  int64_t max_length() const override { return max_length_; }

 private:
  static Block take_block(const Checkpoint& c, const std::string& at, double eps) {
    return {{c.take(at + "input_layernorm.weight"), {}, eps, true},
            {c.take(at + "post_attention_layernorm.weight"), {}, eps, true},
            take_layer(c, at + "self_attn.q_proj"),
            take_layer(c, at + "self_attn.k_proj"),
            take_layer(c, at + "self_attn.v_proj"),
            take_layer(c, at + "self_attn.o_proj"),
            take_layer(c, at + "mlp.gate_proj"),
            take_layer(c, at + "mlp.up_proj"),
            take_layer(c, at + "mlp.down_proj")};
  }

  Tensor embed_, head_;  // head_ undefined: tied
  std::vector<Block> blocks_;
  Norm norm_;
  Attention attention_{};
  Rope rope_;
  Activation act_ = nullptr;
  int64_t max_length_ = 0;
};

std::unique_ptr<Model> make(const Checkpoint& c) {
  return std::make_unique<Llama>(c);
}

[[maybe_unused]] const bool registered = enroll_model("llama", {make, {"head", "neuron"}}) &&
                                         enroll_model("mistral", {make, {"head", "neuron"}}) &&
                                         enroll_model("qwen2", {make, {"head", "neuron"}});

}  // namespace
}  // namespace bench
