// Falcon: one fused projection in three layouts, rotary positions or ALiBi, attention and MLP side
// by side or in turn. transformers models/falcon/modeling_falcon.py.
#include "models/alibi.h"
#include "models/transformer.h"

namespace bench {
namespace {

void name_tensors(Plan& p) {
  p.embed = "transformer.word_embeddings";
  p.last_norm = "transformer.ln_f";
  p.block = "transformer.h";
  p.qkv = "self_attention.query_key_value";
  p.o = "self_attention.dense";
  p.gate = "";
  p.up = "mlp.dense_h_to_4h";
  p.down = "mlp.dense_4h_to_h";
  p.neurons_key = "ffn_hidden_size";
}

/// How many norms stand before a block's branches, and whether these stand side by side.
void place_norms(Source& c, Plan& p, bool new_layout) {
  const bool parallel = c.get("parallel_attn", true);
  const auto norms = c.get<int64_t>("num_ln_in_parallel_attn", new_layout ? 2 : 1);
  p.parallel = new_layout || parallel;
  if (new_layout && norms == 2) {
    p.attention_norm = "ln_attn";
    p.mlp_norm = "ln_mlp";
  } else if (p.parallel) {
    p.mlp_norm = "";
  }
}

Plan falcon(Source& c) {
  Plan p;
  p.hidden = c.size({"hidden_size", "n_embed"});
  p.heads = c.size({"num_attention_heads", "n_head"});
  p.blocks = c.size({"num_hidden_layers", "n_layer"});
  p.head_dim = p.hidden / p.heads;
  p.max_length = c.get<int64_t>("max_position_embeddings", 2048);
  name_tensors(p);
  p.tied = true;
  p.norm = {NormForm::Layer, c.get<double>("layer_norm_epsilon", 1e-5)};
  p.act = activation(c.get<std::string>("activation", "gelu"), c.where());
  p.qkv_bias = p.o_bias = p.mlp_bias = c.get("bias", false);
  c.only("apply_residual_connection_post_layernorm", false);
  const bool new_layout = c.get("new_decoder_architecture", false);
  const bool one_key = c.get("multi_query", true) && !new_layout;
  const auto groups = c.get<int64_t>("num_kv_heads", p.heads);
  p.kv_heads = new_layout ? groups : one_key ? 1 : p.heads;
  p.fused = one_key ? Fused::Stretches : Fused::Groups;
  place_norms(c, p, new_layout);
  Rope rope(c, p.head_dim, {});
  if (c.get("alibi", false)) {
    p.slopes = alibi_slopes;
    p.scaled_slopes = true;
    return p;
  }
  p.ropes = {std::move(rope)};
  p.rope_of.assign(static_cast<size_t>(p.blocks), 0);
  return p;
}

[[maybe_unused]] const bool registered =
    enroll_plan<falcon>("falcon", {"ffn_hidden_size", "", "", ""});

}  // namespace
}  // namespace bench
