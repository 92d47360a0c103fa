// GPT-J: attention and MLP side by side on one norm, neighbouring numbers of a head rotated, a head
// with a bias. transformers models/gptj/modeling_gptj.py.
#include "models/transformer.h"

namespace bench {
namespace {

Plan gptj(Source& c) {
  Plan p;
  p.hidden = c.size({"n_embd", "hidden_size"});
  p.heads = p.kv_heads = c.size({"n_head", "num_attention_heads"});
  p.blocks = c.size({"n_layer", "num_hidden_layers"});
  p.max_length = c.get<int64_t>("n_positions", 2048);
  p.head_dim = p.hidden / p.heads;
  p.norm = {NormForm::Layer, c.get<double>("layer_norm_epsilon", 1e-5)};
  p.act = activation(c.get<std::string>("activation_function", "gelu_new"), c.where());
  p.embed = "transformer.wte";
  p.last_norm = "transformer.ln_f";
  p.block = "transformer.h";
  p.head_bias = true;
  p.attention_norm = "ln_1";
  p.mlp_norm = "";
  p.parallel = true;
  p.q = "attn.q_proj", p.k = "attn.k_proj", p.v = "attn.v_proj", p.o = "attn.out_proj";
  p.gate = "";
  p.up = "mlp.fc_in", p.down = "mlp.fc_out";
  p.mlp_bias = true;
  p.neurons_key = "n_inner";
  const auto dims = c.get<int64_t>("rotary_dim", c.has("rotary_dim") ? p.head_dim : 64);
  p.ropes = {Rope::plain(p.head_dim, {10000, 1, dims, true})};
  p.rope_of.assign(static_cast<size_t>(p.blocks), 0);
  c.only("rotary", true);
  c.inert({"n_ctx", "scale_attn_weights", "summary_type", "summary_use_proj", "summary_activation",
           "summary_first_dropout", "summary_proj_to_labels"});
  p.buffers = {".attn.bias", ".attn.masked_bias", ".attn.embed_positions"};
  return p;
}

[[maybe_unused]] const bool registered = enroll_plan<gptj>("gptj", {"n_inner", "", "", ""});

}  // namespace
}  // namespace bench
