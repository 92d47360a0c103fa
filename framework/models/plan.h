#pragma once
#include <optional>

#include "models/decoder.h"
#include "models/latent.h"

namespace bench {

/// Norms of queries and keys, before they are rotated.
enum class QkNorm {
  None,
  Shared,  // of each head, all heads with the same weights: [head_dim]
  Each,    // of each head with its own: [heads, head_dim]
  Whole    // of all heads together: [heads * head_dim]
};

/// How the rows of a fused projection follow one another.
enum class Fused {
  Separate,   // q, k and v are matrices of their own
  Stretches,  // all queries, all keys, all values
  Groups      // for each key/value head its queries, its key, its value
};

/// A decoder, or an encoder's blocks, as a declaration: a family says how it differs from LLaMA,
/// whose values these are, and models/transformer.h builds what is said. Names of tensors stand
/// below the block, without ".weight"; an empty name says that there is none (of `embed`: whoever
/// derives from Transformer begins the stream and ends it).
struct Plan {
  // What config.json and the weights say of the sizes.
  int64_t hidden = 0, heads = 0, kv_heads = 0, head_dim = 0, blocks = 0, max_length = 0;

  std::string embed = "model.embed_tokens", head = "lm_head", last_norm = "model.norm";
  /// A number follows `block`, behind a dot where it does not end in "_". positions: a table of
  /// learned ones.
  std::string block = "model.layers", positions = {};
  bool tied = false;  // what an absent tie_word_embeddings means
  double embed_scale = 1, logit_scale = 1, logit_cap = 0;
  bool head_bias = false;

  NormForm norm;
  std::string attention_norm = "input_layernorm", mlp_norm = "post_attention_layernorm";
  std::string after_attention, after_mlp;  // norms of what a branch gives, before it is added
  /// Attention and MLP side by side, on the same normed input if there is no mlp_norm.
  bool parallel = false;
  /// attention_norm and mlp_norm stand behind the sums: the stream itself is normalised (BERT).
  bool norms_behind = false;
  double residual = 1;                               // each branch is multiplied by it
  std::string attention_scale = {}, mlp_scale = {};  // or by a tensor [hidden]: whole names
  bool sees_all = false;                             // attention has no mask

  std::string q = "self_attn.q_proj", k = "self_attn.k_proj", v = "self_attn.v_proj";
  std::string o = "self_attn.o_proj", qkv;
  Fused fused = Fused::Separate;
  bool qkv_bias = false, o_bias = false;
  QkNorm qk_norm = QkNorm::None;
  NormForm qk_form;
  bool head_dims = false;     // a channel of every head of a block can go: units "head_dim"
  bool qk_norm_rows = false;  // QkNorm::Each: a tensor per head in the file, .norms.H.weight
  std::string q_norm = "self_attn.q_norm", k_norm = "self_attn.k_norm";
  std::optional<LatentForm> latent;  // in place of q, k and v
  std::string sinks;
  double clip = 0;                  // queries, keys and values are clamped to +- this; 0: not
  double scale = 0, score_cap = 0;  // models/attention.h
  Tensor (*slopes)(int64_t heads) = nullptr;  // ALiBi
  bool scaled_slopes = false;
  std::vector<Rope> ropes;       // kinds of rotation
  std::vector<int> rope_of;      // of each block, an index into ropes, -1: not rotated
  std::vector<int64_t> windows;  // of each block, 0: it sees all; empty: all blocks do

  std::string gate = "mlp.gate_proj", up = "mlp.up_proj", down = "mlp.down_proj", gate_up;
  std::string neurons_key = "intermediate_size";
  bool mlp_bias = false;
  Activation act = nullptr;
  std::optional<MixtureForm> mixture;
  std::vector<bool> sparse;  // of each block, whether it has the mixture; empty: all of them

  std::vector<std::string> buffers{"rotary_emb.inv_freq"};  // Source::finish

  /// What the names of a block's tensors begin with.
  std::string at(int64_t index) const {
    return fmt::format("{}{}{}.", block, block.ends_with('_') ? "" : ".", index);
  }
};

/// What the keys of a LLaMA-like config.json are called and what their absence means.
struct PlanKeys {
  double theta = 10000, share = 1;
  bool neighbours = false;
  std::string eps = "rms_norm_eps";
  double eps_default = 1e-6;
  std::string act = "hidden_act";
  std::string act_default = "silu";
  bool rope = true;  // false: the family makes its own, or has none
};

/// The sizes, norm, activation and rotation of a LLaMA-like config.json; the family changes the
/// rest.
Plan llama_plan(Source& source, const PlanKeys& keys = {});

/// The windows of all blocks by `layer_types` (5.x), else by `slides`, with the size of
/// `sliding_window`; an absent size is `fallback`, null none.
std::vector<int64_t> windows_of(Source& source, int64_t blocks, int64_t fallback,
                                const std::function<bool(int64_t block)>& slides);
/// The same of Qwen: only with use_sliding_window, the blocks from max_window_layers on.
std::vector<int64_t> late_windows(Source& source, int64_t blocks);
/// A number that null turns off (0), and whose absence means `fallback`.
inline double cap_of(Source& c, const std::string& key, double fallback) {
  return c.get<double>(key, c.has(key) ? 0 : fallback);
}
/// bool of each block by layer_types: slides; empty where config.json has none.
std::vector<bool> sliding_types(Source& source, int64_t blocks);

/// The keys of config.json that say how wide these families' blocks are.
inline WidthKeys llama_widths() {
  return {"intermediate_size", "num_attention_heads", "num_key_value_heads", "head_dim"};
}

}  // namespace bench
