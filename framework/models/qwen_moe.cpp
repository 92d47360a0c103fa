// Qwen2-MoE: Qwen2 with experts and one MLP that all tokens share, behind a gate. Qwen3-MoE: Qwen3
// with experts. transformers models/qwen2_moe/, qwen3_moe/.
#include "models/transformer.h"

namespace bench {
namespace {

/// Which blocks have experts; the others are plain MLPs of intermediate_size.
std::vector<bool> sparse_blocks(Source& c, int64_t blocks) {
  const auto step = c.get<int64_t>("decoder_sparse_step", 1);
  const auto plain = c.get("mlp_only_layers", std::vector<int64_t>());
  if (step <= 0) c.refuse("decoder_sparse_step");
  std::vector<bool> all;
  for (int64_t i = 0; i < blocks; ++i)
    all.push_back((i + 1) % step == 0 && std::find(plain.begin(), plain.end(), i) == plain.end());
  return all;
}

MixtureForm mixture(Source& c, const Plan& p, int64_t chosen) {
  MixtureForm m;
  m.router.chosen = c.get<int64_t>("num_experts_per_tok", chosen);
  m.router.normalized = c.get("norm_topk_prob", false);
  // transformers 5 writes another name for it (families.md 1).
  m.experts_key = c.has("num_local_experts") ? "num_local_experts" : "num_experts";
  m.neurons_key = "moe_intermediate_size";
  m.router_name = "mlp.gate";
  m.experts_at = "mlp.experts.";
  m.act = p.act;
  return m;
}

Plan qwen2_moe(Source& c) {
  auto p = llama_plan(c);
  p.qkv_bias = c.get("qkv_bias", true);
  const bool on = c.get("use_sliding_window", false);
  const auto last = c.get<int64_t>("max_window_layers", 28);
  const auto windows =
      windows_of(c, p.blocks, 4096, [&](int64_t i) { return i % 2 == 0 && i < last; });
  if (on) p.windows = windows;
  p.mixture = mixture(c, p, 4);
  p.mixture->shared = "mlp.shared_expert";
  p.mixture->shared_gate = "mlp.shared_expert_gate";
  p.mixture->shared_key = "shared_expert_intermediate_size";
  p.sparse = sparse_blocks(c, p.blocks);
  c.inert({"intermediate_size"});
  return p;
}

Plan qwen3_moe(Source& c) {
  auto p = llama_plan(c);
  p.qkv_bias = p.o_bias = c.get("attention_bias", false);
  p.qk_norm = QkNorm::Shared;
  const bool on = c.get("use_sliding_window", false);
  const auto windows = windows_of(c, p.blocks, 4096, [](int64_t) { return true; });
  if (on) p.windows = windows;
  p.mixture = mixture(c, p, 8);
  p.sparse = sparse_blocks(c, p.blocks);
  c.inert({"intermediate_size", "max_window_layers"});
  return p;
}

[[maybe_unused]] const bool registered =
    enroll_plan<qwen2_moe>("qwen2_moe", {"intermediate_size", "", "", ""}, true) &&
    enroll_plan<qwen3_moe>("qwen3_moe", llama_widths(), true);

}  // namespace
}  // namespace bench
