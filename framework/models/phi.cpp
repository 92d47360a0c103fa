// Phi 1, 1.5, 2: attention and MLP side by side on one layer norm, biases everywhere, a share of
// each head rotated. Phi 3, 4: LLaMA with fused projections. transformers models/phi/, phi3/.
#include "models/transformer.h"

namespace bench {
namespace {

Plan phi(Source& c) {
  PlanKeys keys;
  keys.share = 0.5;
  keys.eps = "layer_norm_eps";
  keys.eps_default = 1e-5;
  keys.act_default = "gelu_new";
  auto p = llama_plan(c, keys);
  p.norm.kind = p.qk_form.kind = NormForm::Layer;
  p.last_norm = "model.final_layernorm";
  p.parallel = true;
  p.mlp_norm = "";
  p.o = "self_attn.dense";
  p.qkv_bias = p.o_bias = p.mlp_bias = p.head_bias = true;
  p.gate = "";
  p.up = "mlp.fc1";
  p.down = "mlp.fc2";
  if (c.get("qk_layernorm", false)) p.qk_norm = QkNorm::Shared;
  p.q_norm = "self_attn.q_layernorm";
  p.k_norm = "self_attn.k_layernorm";
  return p;
}

Plan phi3(Source& c) {
  PlanKeys keys;
  keys.eps_default = 1e-5;
  auto p = llama_plan(c, keys);
  c.only("attention_bias", false);
  c.inert({"original_max_position_embeddings"});  // longrope reads it, nothing else does
  p.fused = Fused::Stretches;
  p.qkv = "self_attn.qkv_proj";
  p.gate_up = "mlp.gate_up_proj";
  p.windows = windows_of(c, p.blocks, 0, [](int64_t) { return true; });
  return p;
}

[[maybe_unused]] const bool registered = enroll_plan<phi>("phi") && enroll_plan<phi3>("phi3");

}  // namespace
}  // namespace bench
