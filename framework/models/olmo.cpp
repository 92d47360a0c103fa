// OLMo 1: LLaMA with layer norms that have no tensors, clamped projections. OLMo 2: norms behind
// the branches, queries and keys normed over their whole width. OLMo 3: with windows in all but
// every fourth layer. transformers models/olmo/, olmo2/, olmo3/.
#include "models/transformer.h"

namespace bench {
namespace {

Plan olmo(Source& c) {
  auto p = llama_plan(c);
  p.norm = {NormForm::Plain, 1e-5};
  p.qkv_bias = p.o_bias = c.get("attention_bias", false);
  p.clip = c.get<double>("clip_qkv", 0);
  return p;
}

Plan norms_behind(Source& c, bool rope) {
  PlanKeys keys;
  keys.eps_default = 1e-5;
  keys.rope = rope;
  auto p = llama_plan(c, keys);
  p.attention_norm = p.mlp_norm = "";
  p.after_attention = "post_attention_layernorm";
  p.after_mlp = "post_feedforward_layernorm";
  p.qk_norm = QkNorm::Whole;
  p.qkv_bias = p.o_bias = c.get("attention_bias", false);
  return p;
}

Plan olmo2(Source& c) {
  return norms_behind(c, true);
}

Plan olmo3(Source& c) {
  auto p = norms_behind(c, false);
  const auto slides = [](int64_t i) { return (i + 1) % 4 != 0; };
  p.windows = windows_of(c, p.blocks, 4096, slides);
  const auto types = sliding_types(c, p.blocks);
  // Scaling is for the full layers alone.
  const Rope full(c, p.head_dim, {500000, 1, 0, false, "full_attention"});
  p.ropes = {full, Rope::by_kind(c)
                       ? Rope(c, p.head_dim, {full.theta(), 1, 0, false, "sliding_attention"})
                       : Rope::plain(p.head_dim, {full.theta()})};
  for (int64_t i = 0; i < p.blocks; ++i)
    p.rope_of.push_back(types.empty() ? slides(i) : types[static_cast<size_t>(i)]);
  return p;
}

[[maybe_unused]] const bool registered =
    enroll_plan<olmo>("olmo") && enroll_plan<olmo2>("olmo2") && enroll_plan<olmo3>("olmo3");

}  // namespace
}  // namespace bench
