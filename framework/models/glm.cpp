// GLM-4-9b: LLaMA with gate and up in one matrix, neighbouring numbers of half of each head
// rotated. GLM-4-0414: the same with norms behind the branches, too. transformers models/glm/,
// glm4/.
#include "models/transformer.h"

namespace bench {
namespace {

Plan glm(Source& c) {
  PlanKeys keys;
  keys.rope = false;
  keys.eps_default = 1.5625e-7;
  auto p = llama_plan(c, keys);
  p.head_dim = c.get<int64_t>("head_dim", 128);
  p.ropes = {Rope(c, p.head_dim, {10000, 0.5, 0, true})};
  p.rope_of.assign(static_cast<size_t>(p.blocks), 0);
  p.qkv_bias = c.get("attention_bias", false);
  p.gate_up = "mlp.gate_up_proj";
  return p;
}

Plan glm4(Source& c) {
  auto p = glm(c);
  p.after_attention = "post_self_attn_layernorm";
  p.after_mlp = "post_mlp_layernorm";
  return p;
}

[[maybe_unused]] const bool registered = enroll_plan<glm>("glm") && enroll_plan<glm4>("glm4");

}  // namespace
}  // namespace bench
