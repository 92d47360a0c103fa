// StableLM: LLaMA with layer norms, a quarter of each head rotated, biases of q, k and v; a norm
// per head and a parallel residual where config.json says so. transformers
// models/stablelm/modeling_stablelm.py.
#include "models/transformer.h"

namespace bench {
namespace {

Plan stablelm(Source& c) {
  PlanKeys keys;
  keys.share = 0.25;
  keys.eps = "layer_norm_eps";
  keys.eps_default = 1e-5;
  auto p = llama_plan(c, keys);
  p.norm.kind = NormForm::Layer;
  p.qkv_bias = c.get("use_qkv_bias", false);
  p.parallel = c.get("use_parallel_residual", false);
  if (p.parallel) p.mlp_norm = "";
  if (c.get("qk_layernorm", false)) p.qk_norm = QkNorm::Each;
  p.qk_norm_rows = p.qk_norm == QkNorm::Each;
  p.qk_form.kind = NormForm::LayerWithoutBias;
  p.q_norm = "self_attn.q_layernorm";
  p.k_norm = "self_attn.k_layernorm";
  return p;
}

[[maybe_unused]] const bool registered =
    enroll_plan<stablelm>("stablelm", {"intermediate_size", "", "", ""});

}  // namespace
}  // namespace bench
