// DeepSeek-V2 and V3: multi-head latent attention, experts behind a router that looks at groups of
// them first, MLPs that all tokens share, plain MLPs in the first blocks. transformers
// models/deepseek_v2/, deepseek_v3/.
#include <cmath>

#include "models/transformer.h"

namespace bench {
namespace {

void attend_latent(Source& c, Plan& p, bool neighbours) {
  LatentForm l;
  l.query_rank = c.get<int64_t>("q_lora_rank", c.has("q_lora_rank") ? 0 : 1536);
  l.rank = c.get<int64_t>("kv_lora_rank", 512);
  l.nope = c.get<int64_t>("qk_nope_head_dim", 128);
  l.rope = c.get<int64_t>("qk_rope_head_dim", 64);
  l.value = c.get<int64_t>("v_head_dim", 128);
  l.bias = p.o_bias = c.get("attention_bias", false);
  p.ropes = {Rope(c, l.rope, {10000, 1, 0, neighbours})};
  p.rope_of.assign(static_cast<size_t>(p.blocks), 0);
  const double m = p.ropes.front().mscale();
  p.scale = m * m / std::sqrt(static_cast<double>(l.nope + l.rope));
  p.latent = l;
  p.kv_heads = p.heads;
  p.head_dim = 1;  // a unit's channels are not scored one by one: its parts differ in width
  c.inert({"qk_head_dim", "head_dim", "num_key_value_heads", "original_max_position_embeddings"});
}

MixtureForm mixture(Source& c, const Plan& p) {
  MixtureForm m;
  m.router.chosen = c.get<int64_t>("num_experts_per_tok", 8);
  m.router.scale = c.get<double>("routed_scaling_factor", 1);
  m.experts_key = "n_routed_experts";
  m.neurons_key = "moe_intermediate_size";
  m.router_name = "mlp.gate";
  m.experts_at = "mlp.experts.";
  m.act = p.act;
  const auto shared = c.get<int64_t>("n_shared_experts", 0);
  if (shared > 0) m.shared = "mlp.shared_experts";
  m.shared_width = shared * c.get<int64_t>("moe_intermediate_size", 0);
  m.shared_key = "n_shared_experts * moe_intermediate_size";
  return m;
}

void sparse_blocks(Source& c, Plan& p) {
  const auto first = c.get<int64_t>("first_k_dense_replace", 0);
  for (int64_t i = 0; i < p.blocks; ++i) p.sparse.push_back(i >= first);
  c.only<int64_t>("moe_layer_freq", 1);
  c.inert({"intermediate_size"});
}

/// Blocks behind the last one predict further tokens: no part of the logits.
void skip_predictors(Source& c, const Plan& p) {
  const auto more = c.get<int64_t>("num_nextn_predict_layers", 0);
  for (int64_t i = 0; i < more; ++i) c.skip(fmt::format("{}.{}.", p.block, p.blocks + i));
}

Plan base(Source& c, bool neighbours) {
  PlanKeys keys;
  keys.rope = false;
  auto p = llama_plan(c, keys);
  attend_latent(c, p, neighbours);
  p.mixture = mixture(c, p);
  sparse_blocks(c, p);
  skip_predictors(c, p);
  return p;
}

Plan deepseek_v2(Source& c) {
  auto p = base(c, true);
  p.mlp_bias = c.get("mlp_bias", false);
  if (p.mlp_bias) c.refuse("mlp_bias");
  c.only<std::string>("scoring_func", "softmax");
  c.inert({"norm_topk_prob"});  // transformers ignores it (families.md 3)
  const auto method = c.get<std::string>("topk_method", "greedy");
  const auto groups = c.get<int64_t>("n_group", 1), kept = c.get<int64_t>("topk_group", 1);
  if (method == "group_limited_greedy") {
    p.mixture->router.groups = groups;
    p.mixture->router.kept = kept;
  } else if (method != "greedy") {
    c.refuse("topk_method");
  }
  return p;
}

Plan deepseek_v3(Source& c) {
  auto p = base(c, c.get("rope_interleave", true));
  c.only<std::string>("scoring_func", "sigmoid");
  c.only<std::string>("topk_method", "noaux_tc");
  auto& r = p.mixture->router;
  r.scores = RouterForm::Sigmoid;
  r.correction = ".e_score_correction_bias";
  r.normalized = c.get("norm_topk_prob", true);
  r.floor = 1e-20;
  r.scale = c.get<double>("routed_scaling_factor", 2.5);
  r.groups = c.get<int64_t>("n_group", 8);
  r.kept = c.get<int64_t>("topk_group", 4);
  r.groups_by_two_best = true;
  return p;
}

const WidthKeys kWidths{"intermediate_size", "num_attention_heads", "num_key_value_heads", ""};
[[maybe_unused]] const bool registered = enroll_plan<deepseek_v2>("deepseek_v2", kWidths, true) &&
                                         enroll_plan<deepseek_v3>("deepseek_v3", kWidths, true);

}  // namespace
}  // namespace bench
