// Mixtral: LLaMA with a mixture of experts in every block. transformers
// models/mixtral/modeling_mixtral.py.
#include "models/transformer.h"

namespace bench {
namespace {

Plan mixtral(Source& c) {
  PlanKeys keys;
  keys.theta = 1e6;
  keys.eps_default = 1e-5;
  auto p = llama_plan(c, keys);
  p.windows = windows_of(c, p.blocks, 0, [](int64_t) { return true; });
  MixtureForm m;
  m.router.chosen = c.get<int64_t>("num_experts_per_tok", 2);
  m.router.normalized = true;
  m.experts_key = "num_local_experts";
  m.neurons_key = "intermediate_size";
  m.router_name = "block_sparse_moe.gate";
  m.experts_at = "block_sparse_moe.experts.";
  m.gate = "w1", m.up = "w3", m.down = "w2";
  m.act = p.act;
  p.mixture = m;
  return p;
}

[[maybe_unused]] const bool registered = enroll_plan<mixtral>("mixtral", llama_widths(), true);

}  // namespace
}  // namespace bench
