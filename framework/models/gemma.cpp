// Gemma 1, 2 and 3: embeddings times sqrt(hidden), norms by 1 + weight, tanh GELU; from 2 on norms
// before and behind each branch, windows and caps; from 3 on norms of queries and keys and two
// rotary bases. transformers models/gemma/, gemma2/, gemma3/.
#include <cmath>

#include "models/transformer.h"

namespace bench {
namespace {

Plan base(Source& c, const std::string& act, bool rope) {
  PlanKeys keys;
  keys.act = act;
  keys.act_default = "gelu_pytorch_tanh";
  keys.rope = false;
  auto p = llama_plan(c, keys);
  p.head_dim = c.get<int64_t>("head_dim", 256);
  if (rope) {
    p.ropes = {Rope(c, p.head_dim, {})};
    p.rope_of.assign(static_cast<size_t>(p.blocks), 0);
  }
  p.tied = true;
  p.embed_scale = std::sqrt(static_cast<double>(p.hidden));
  p.norm.one_more = p.qk_form.one_more = true;
  p.qkv_bias = p.o_bias = c.get("attention_bias", false);
  return p;
}

Plan gemma(Source& c) {
  auto p = base(c, "hidden_act", true);
  // Old official configs say "gelu" and mean the tanh form (families.md 1).
  if (c.get<std::string>("hidden_act", "gelu") == "gelu")
    p.act = activation("gelu_tanh", c.where());
  c.inert({"hidden_activation"});  // transformers reads hidden_act alone
  return p;
}

void four_norms(Source& c, Plan& p) {
  p.after_attention = "post_attention_layernorm";
  p.mlp_norm = "pre_feedforward_layernorm";
  p.after_mlp = "post_feedforward_layernorm";
  p.scale = 1 / std::sqrt(c.get<double>("query_pre_attn_scalar", 256));
}

Plan gemma2(Source& c) {
  auto p = base(c, "hidden_activation", true);
  c.inert({"hidden_act"});  // transformers reads hidden_activation alone
  four_norms(c, p);
  p.score_cap = cap_of(c, "attn_logit_softcapping", 50);
  p.logit_cap = cap_of(c, "final_logit_softcapping", 30);
  p.windows = windows_of(c, p.blocks, 4096, [](int64_t i) { return i % 2 == 0; });
  return p;
}

Plan gemma3(Source& c) {
  auto p = base(c, "hidden_activation", false);
  c.inert({"hidden_act", "attn_logit_softcapping"});  // the cap is read and never applied
  four_norms(c, p);
  p.qk_norm = QkNorm::Shared;
  p.logit_cap = cap_of(c, "final_logit_softcapping", 0);
  const auto pattern =
      c.get<int64_t>("sliding_window_pattern", c.get<int64_t>("_sliding_window_pattern", 6));
  if (pattern <= 0) c.refuse("sliding_window_pattern");
  const auto slides = [&](int64_t i) { return (i + 1) % pattern != 0; };
  p.windows = windows_of(c, p.blocks, 4096, slides);
  const auto types = sliding_types(c, p.blocks);
  const auto local = c.get<double>("rope_local_base_freq", 1e4);
  p.ropes = {Rope(c, p.head_dim, {1e6, 1, 0, false, "full_attention"}),
             Rope::by_kind(c) ? Rope(c, p.head_dim, {local, 1, 0, false, "sliding_attention"})
                              : Rope::plain(p.head_dim, {local})};
  for (int64_t i = 0; i < p.blocks; ++i)
    p.rope_of.push_back(types.empty() ? slides(i) : types[static_cast<size_t>(i)]);
  return p;
}

[[maybe_unused]] const bool registered = enroll_plan<gemma>("gemma") &&
                                         enroll_plan<gemma2>("gemma2") &&
                                         enroll_plan<gemma3>("gemma3_text");

}  // namespace
}  // namespace bench
