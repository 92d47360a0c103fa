// Cohere's Command-R: attention and MLP side by side on a layer norm without bias, neighbouring
// numbers of a head rotated, logits scaled. Command-R7B: windows, whose layers alone are rotated.
// transformers models/cohere/, cohere2/.
#include "models/transformer.h"

namespace bench {
namespace {

Plan base(Source& c, double theta) {
  PlanKeys keys;
  keys.theta = theta;
  keys.neighbours = true;
  keys.eps = "layer_norm_eps";
  keys.eps_default = 1e-5;
  auto p = llama_plan(c, keys);
  p.norm.kind = p.qk_form.kind = NormForm::LayerWithoutBias;
  p.parallel = true;
  p.mlp_norm = "";
  p.tied = true;
  p.logit_scale = c.get<double>("logit_scale", 0.0625);
  p.qkv_bias = p.o_bias = c.get("attention_bias", false);
  return p;
}

Plan cohere(Source& c) {
  auto p = base(c, 500000);
  if (c.get("use_qk_norm", false)) p.qk_norm = QkNorm::Each;
  return p;
}

Plan cohere2(Source& c) {
  auto p = base(c, 10000);
  const auto pattern =
      c.get<int64_t>("sliding_window_pattern", c.get<int64_t>("_sliding_window_pattern", 4));
  if (pattern <= 0) c.refuse("sliding_window_pattern");
  const auto slides = [&](int64_t i) { return (i + 1) % pattern != 0; };
  p.windows = windows_of(c, p.blocks, 4096, slides);
  const auto types = sliding_types(c, p.blocks);
  for (int64_t i = 0; i < p.blocks; ++i) {
    const auto at = static_cast<size_t>(i);
    p.rope_of[at] = (types.empty() ? slides(i) : types[at]) ? 0 : -1;
  }
  c.only("use_qk_norm", false);
  c.inert({"rotary_pct", "position_embedding_type", "order_of_interleaved_layers",
           "use_embedding_sharing", "use_gated_activation", "use_parallel_block",
           "use_parallel_embedding"});
  return p;
}

[[maybe_unused]] const bool registered =
    enroll_plan<cohere>("cohere") && enroll_plan<cohere2>("cohere2");

}  // namespace
}  // namespace bench
