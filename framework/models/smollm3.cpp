// SmolLM3: LLaMA, tied, every fourth layer without a rotation. transformers
// models/smollm3/modeling_smollm3.py.
#include "models/transformer.h"

namespace bench {
namespace {

Plan smollm3(Source& c) {
  PlanKeys keys;
  keys.theta = 2e6;
  auto p = llama_plan(c, keys);
  p.tied = true;
  p.qkv_bias = p.o_bias = c.get("attention_bias", false);
  p.mlp_bias = c.get("mlp_bias", false);
  // Whatever the name says: 1 rotates.
  const auto every = c.get<int64_t>("no_rope_layer_interval", 4);
  const auto rotates = c.get("no_rope_layers", std::vector<int64_t>());
  if (every <= 0) c.refuse("no_rope_layer_interval");
  if (!rotates.empty() && static_cast<int64_t>(rotates.size()) < p.blocks)
    c.refuse("no_rope_layers");
  for (int64_t i = 0; i < p.blocks; ++i) {
    const auto at = static_cast<size_t>(i);
    if (rotates.empty() ? (i + 1) % every == 0 : rotates[at] == 0) p.rope_of[at] = -1;
  }
  const bool on = c.get("use_sliding_window", false);
  const auto windows =
      windows_of(c, p.blocks, 0, [&](int64_t i) { return p.rope_of[static_cast<size_t>(i)] < 0; });
  if (on) p.windows = windows;
  c.inert({"max_window_layers"});
  return p;
}

[[maybe_unused]] const bool registered = enroll_plan<smollm3>("smollm3");

}  // namespace
}  // namespace bench
