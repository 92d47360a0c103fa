// The LLaMA family: LLaMA 1-3, Mistral (sliding window), Qwen2 (biases). Pre-norm RMSNorm, rotary
// positions, grouped-query attention, gated MLP. transformers models/llama/modeling_llama.py.
#include "models/decoder.h"

namespace bench {
namespace {

struct Block {
  Norm before_attention, before_mlp;
  Layer q, k, v, o, gate, up, down;
  int64_t window = 0;
};

class Llama : public Decoder {
 public:
  explicit Llama(const Checkpoint& checkpoint) {
    Source c(checkpoint);
    const auto hidden = c.get<int64_t>("hidden_size");
    const auto heads = c.size({"num_attention_heads"});
    head_dim_ = c.get<int64_t>("head_dim", hidden / heads);
    max_length_ = c.get<int64_t>("max_position_embeddings", 2048);
    act_ = activation(c.get<std::string>("hidden_act", "silu"), c.where());
    rope_ = Rope(c, head_dim_, c.get<double>("rope_theta", 10000), 1);
    if (!rope_.whole()) fail("{}: a LLaMA rotates whole heads", c.where());
    const auto eps = c.get<double>("rms_norm_eps", 1e-6);
    const bool qwen = c.type() == "qwen2", llama = c.type() == "llama";
    qkv_bias_ = qwen || (llama && c.get("attention_bias", false));
    o_bias_ = llama && c.get("attention_bias", false);
    mlp_bias_ = llama && c.get("mlp_bias", false);
    take_ends(c, "model.embed_tokens.weight", "lm_head.weight",
              c.get("tie_word_embeddings", false));
    norm_ = c.rms_norm("model.norm", eps);
    count_ = c.size({"num_hidden_layers"});
    const auto windows = read_windows(c);
    for (int64_t i = 0; i < count_; ++i) {
      blocks_.push_back(take_block(c, fmt::format("model.layers.{}.", i), eps));
      blocks_.back().window = windows[static_cast<size_t>(i)];
      check(c, blocks_.back(), hidden);
    }
    c.inert({"intermediate_size", "num_key_value_heads"});
    c.finish({"rotary_emb.inv_freq"});
  }

  Tensor stem(const Batch& batch) const override {
    rope_.reach(batch.positions);
    return embedded(batch);
  }

  Tensor block(int64_t index, const Tensor& x, const Batch& batch) const override {
    const auto& b = blocks_[static_cast<size_t>(index)];
    auto h = stay(x, index, 0);
    if (there(b.o)) {
      const auto n = b.before_attention(x);
      const auto q = rope_(b.q(n), batch.positions), k = rope_(b.k(n), batch.positions);
      h = h + b.o(attend(q, k, b.v(n), batch, {head_dim_, index, b.window}));
    }
    if (!there(b.down)) return stay(h, index, 1);
    return by_rows(h, {&b.gate, &b.up, &b.down}, [&](const Tensor& t) {
      const auto m = b.before_mlp(t);
      return stay(t, index, 1) + b.down(apply(act_, b.gate(m)) * b.up(m));
    });
  }

 protected:
  Parts parts(int64_t block) override {
    auto& b = blocks_[static_cast<size_t>(block)];
    // A unit is one key/value head with the query heads that read it (mini_llm.md 3).
    const auto d = head_dim_, queries = there(b.o) ? b.q.rows() / b.k.rows() * d : d;
    return {{&b.q, &b.k, &b.v, &b.o, &b.gate, &b.up, &b.down},
            {&b.before_attention, &b.before_mlp},
            {{&b.q, Slice::Out, queries},
             {&b.o, Slice::In, queries},
             {&b.v, Slice::Out, d},
             {&b.k, Slice::Out, d}},
            {{&b.gate, Slice::Out}, {&b.up, Slice::Out}, {&b.down, Slice::In}},
            {},
            {},
            &b.before_attention,
            &b.before_mlp};
  }

 private:
  Block take_block(Source& c, const std::string& at, double eps) const {
    return {c.rms_norm(at + "input_layernorm", eps),
            c.rms_norm(at + "post_attention_layernorm", eps),
            c.layer(at + "self_attn.q_proj", qkv_bias_),
            c.layer(at + "self_attn.k_proj", qkv_bias_),
            c.layer(at + "self_attn.v_proj", qkv_bias_),
            c.layer(at + "self_attn.o_proj", o_bias_),
            c.layer(at + "mlp.gate_proj", mlp_bias_),
            c.layer(at + "mlp.up_proj", mlp_bias_),
            c.layer(at + "mlp.down_proj", mlp_bias_)};
  }

  void check(const Source& c, const Block& b, int64_t hidden) const {
    c.expect(b.o.weight, b.o.weight_name(), {hidden, b.q.rows()});
    c.expect(b.down.weight, b.down.weight_name(), {hidden, b.gate.rows()});
    if (b.k.rows() == 0 || b.q.rows() % b.k.rows() != 0 || b.k.rows() % head_dim_ != 0)
      fail("{}: {} does not split into heads of {}", c.where(), b.k.weight_name(), head_dim_);
  }

  /// The window of each block, 0 for none. Mistral: all blocks alike; Qwen2: the blocks from
  /// max_window_layers on, where use_sliding_window says so; layer_types (5.x) says it by block.
  std::vector<int64_t> read_windows(Source& c) const {
    const auto n = static_cast<size_t>(count_);
    if (c.type() == "llama") return std::vector<int64_t>(n, 0);
    const bool qwen = c.type() == "qwen2";
    const bool on = !qwen || c.get("use_sliding_window", false);
    // null is no window, an absent key transformers' default.
    const auto size = c.get<int64_t>("sliding_window", c.has("sliding_window") ? 0 : 4096);
    const auto first = qwen ? c.get<int64_t>("max_window_layers", 28) : 0;
    std::vector<int64_t> windows(n, 0);
    for (int64_t i = first; on && i < count_; ++i) windows[static_cast<size_t>(i)] = size;
    const auto types = c.get("layer_types", std::vector<std::string>());
    if (types.empty()) return windows;
    if (types.size() < n) c.refuse("layer_types");
    for (size_t i = 0; i < n; ++i) {
      if (types[i] != "sliding_attention" && types[i] != "full_attention") c.refuse("layer_types");
      windows[i] = on && types[i] == "sliding_attention" ? size : 0;
    }
    return windows;
  }

  std::vector<Block> blocks_;
  Rope rope_;
  Activation act_ = nullptr;
  bool qkv_bias_ = false, o_bias_ = false, mlp_bias_ = false;
};

const WidthKeys kWidths{"intermediate_size", "num_attention_heads", "num_key_value_heads",
                        "head_dim"};
[[maybe_unused]] const bool registered = enroll_decoder<Llama>("llama", kWidths) &&
                                         enroll_decoder<Llama>("mistral", kWidths) &&
                                         enroll_decoder<Llama>("qwen2", kWidths);

}  // namespace
}  // namespace bench
