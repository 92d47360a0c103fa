#pragma once
#include <fmt/format.h>

#include "models/checkpoint.h"

namespace bench::test {

/// A checkpoint made in memory whose tensors hold the same random values on every machine.
class TinyCheckpoint {
 public:
  Checkpoint make() { return std::move(c_); }

 protected:
  /// Uniform in middle +- spread / 2.
  void fill(const std::string& name, at::IntArrayRef shape, double middle, double spread) {
    auto t = at::empty(shape, at::kFloat);
    auto* p = t.mutable_data_ptr<float>();
    for (int64_t i = 0; i < t.numel(); ++i) {  // xorshift
      state_ ^= state_ << 13, state_ ^= state_ >> 7, state_ ^= state_ << 17;
      const double u = static_cast<double>(state_ >> 40) / (1 << 24) - 0.5;
      p[i] = static_cast<float>(middle + spread * u);
    }
    c_.tensors[name] = t;
  }
  Checkpoint c_;

 private:
  uint64_t state_ = 88172645463325252u;
};

/// Three-block models of each decoder family with random weights, made in memory: what needs no
/// trained model runs on all of them. Names: gpt2, gpt_neox, llama, mistral, qwen2, opt, bloom.
class TinyMaker : public TinyCheckpoint {
 public:
  explicit TinyMaker(const std::string& family) {
    c_.folder = "tiny-" + family;
    c_.type_ = family;
    c_.config = {{"model_type", family}};
    if (family == "gpt2")
      gpt2();
    else if (family == "gpt_neox" || family == "bloom")
      fused(family == "bloom");
    else if (family == "opt")
      opt();
    else
      llama(family);
  }

 private:
  static constexpr int64_t kHidden = 24, kInner = 40, kHeads = 4, kBlocks = 3, kVocab = 96;
  static constexpr int64_t kLength = 256;

  void tensor(const std::string& name, at::IntArrayRef shape, double middle = 0) {
    fill(name, shape, middle, 0.4);
  }
  void norm(const std::string& name, bool bias = true) {
    tensor(name + ".weight", {kHidden}, 1);
    if (bias) tensor(name + ".bias", {kHidden});
  }
  void linear(const std::string& name, int64_t out, int64_t in, bool bias = true) {
    tensor(name + ".weight", {out, in});
    if (bias) tensor(name + ".bias", {out});
  }
  void conv1d(const std::string& name, int64_t in, int64_t out) {
    tensor(name + ".weight", {in, out});
    tensor(name + ".bias", {out});
  }

  void gpt2() {
    c_.config.update(
        {{"n_embd", kHidden}, {"n_head", kHeads}, {"n_layer", kBlocks}, {"n_positions", kLength}});
    tensor("transformer.wte.weight", {kVocab, kHidden});
    tensor("transformer.wpe.weight", {kLength, kHidden});
    for (int64_t i = 0; i < kBlocks; ++i) {
      const auto at = fmt::format("transformer.h.{}.", i);
      norm(at + "ln_1");
      norm(at + "ln_2");
      conv1d(at + "attn.c_attn", kHidden, 3 * kHidden);
      conv1d(at + "attn.c_proj", kHidden, kHidden);
      conv1d(at + "mlp.c_fc", kHidden, kInner);
      conv1d(at + "mlp.c_proj", kInner, kHidden);
    }
    norm("transformer.ln_f");
  }

  void fused(bool bloom) {
    c_.config.update({{"hidden_size", kHidden},
                      {"num_attention_heads", kHeads},
                      {"num_hidden_layers", kBlocks}});
    if (bloom)
      c_.config["seq_length"] = kLength;
    else
      c_.config.update({{"max_position_embeddings", kLength}, {"rotary_pct", 0.67}});
    const std::string top = bloom ? "transformer." : "gpt_neox.";
    tensor(top + (bloom ? "word_embeddings.weight" : "embed_in.weight"), {kVocab, kHidden});
    if (bloom) norm(top + "word_embeddings_layernorm");
    for (int64_t i = 0; i < kBlocks; ++i) {
      const auto at = fmt::format("{}{}.{}.", top, bloom ? "h" : "layers", i);
      const auto attention = at + (bloom ? "self_attention." : "attention.");
      norm(at + "input_layernorm");
      norm(at + "post_attention_layernorm");
      linear(attention + "query_key_value", 3 * kHidden, kHidden);
      linear(attention + "dense", kHidden, kHidden);
      linear(at + "mlp.dense_h_to_4h", kInner, kHidden);
      linear(at + "mlp.dense_4h_to_h", kHidden, kInner);
    }
    norm(top + (bloom ? "ln_f" : "final_layer_norm"));
    if (!bloom) tensor("embed_out.weight", {kVocab, kHidden});
  }

  void opt() {
    c_.config.update({{"hidden_size", kHidden},
                      {"num_attention_heads", kHeads},
                      {"num_hidden_layers", kBlocks},
                      {"max_position_embeddings", kLength}});
    const std::string top = "model.decoder.";
    tensor(top + "embed_tokens.weight", {kVocab, kHidden});
    tensor(top + "embed_positions.weight", {kLength + 2, kHidden});
    for (int64_t i = 0; i < kBlocks; ++i) {
      const auto at = fmt::format("{}layers.{}.", top, i);
      norm(at + "self_attn_layer_norm");
      norm(at + "final_layer_norm");
      for (const char* p : {"q_proj", "k_proj", "v_proj", "out_proj"})
        linear(at + "self_attn." + p, kHidden, kHidden);
      linear(at + "fc1", kInner, kHidden);
      linear(at + "fc2", kHidden, kInner);
    }
    norm(top + "final_layer_norm");
  }

  void llama(const std::string& family) {
    c_.config.update({{"hidden_size", kHidden},
                      {"num_attention_heads", kHeads},
                      {"num_hidden_layers", kBlocks},
                      {"max_position_embeddings", kLength},
                      {"tie_word_embeddings", true}});
    if (family == "mistral") c_.config["sliding_window"] = 5;
    tensor("model.embed_tokens.weight", {kVocab, kHidden});
    for (int64_t i = 0; i < kBlocks; ++i) {
      const auto at = fmt::format("model.layers.{}.", i);
      norm(at + "input_layernorm", false);
      norm(at + "post_attention_layernorm", false);
      const bool bias = family == "qwen2";
      linear(at + "self_attn.q_proj", kHidden, kHidden, bias);
      linear(at + "self_attn.k_proj", kHidden / 2, kHidden, bias);
      linear(at + "self_attn.v_proj", kHidden / 2, kHidden, bias);
      linear(at + "self_attn.o_proj", kHidden, kHidden, false);
      linear(at + "mlp.gate_proj", kInner, kHidden, false);
      linear(at + "mlp.up_proj", kInner, kHidden, false);
      linear(at + "mlp.down_proj", kHidden, kInner, false);
    }
    norm("model.norm", false);
  }
};

/// What the names of TinyMaker are.
inline const std::vector<std::string>& decoder_families() {
  static const std::vector<std::string> all{"gpt2",  "gpt_neox", "llama", "mistral",
                                            "qwen2", "opt",      "bloom"};
  return all;
}

inline Checkpoint tiny_checkpoint(const std::string& family) {
  return TinyMaker(family).make();
}

}  // namespace bench::test
