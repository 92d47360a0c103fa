// OLMoE: LLaMA with experts, queries and keys normed over their whole width, then clamped.
// transformers models/olmoe/modeling_olmoe.py.
#include "models/transformer.h"

namespace bench {
namespace {

Plan olmoe(Source& c) {
  PlanKeys keys;
  keys.eps_default = 1e-5;
  auto p = llama_plan(c, keys);
  p.qkv_bias = p.o_bias = c.get("attention_bias", false);
  p.qk_norm = QkNorm::Whole;
  p.clip = c.get<double>("clip_qkv", 0);
  MixtureForm m;
  m.router.chosen = c.get<int64_t>("num_experts_per_tok", 8);
  m.router.normalized = c.get("norm_topk_prob", false);
  m.experts_key = "num_experts";
  m.neurons_key = "intermediate_size";
  m.router_name = "mlp.gate";
  m.experts_at = "mlp.experts.";
  m.act = p.act;
  p.mixture = m;
  return p;
}

[[maybe_unused]] const bool registered =
    enroll_plan<olmoe>("olmoe", {"intermediate_size", "", "", ""}, true);

}  // namespace
}  // namespace bench
