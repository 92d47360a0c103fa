// Qwen3: LLaMA with an RMS norm on every query and key head. transformers
// models/qwen3/modeling_qwen3.py.
#include "models/transformer.h"

namespace bench {
namespace {

Plan qwen3(Source& c) {
  PlanKeys keys;
  keys.rope = false;
  auto p = llama_plan(c, keys);
  p.head_dim = c.get<int64_t>("head_dim", 128);
  p.ropes = {Rope(c, p.head_dim, {})};
  p.rope_of.assign(static_cast<size_t>(p.blocks), 0);
  p.qkv_bias = p.o_bias = c.get("attention_bias", false);
  p.qk_norm = QkNorm::Shared;
  p.windows = late_windows(c, p.blocks);
  return p;
}

[[maybe_unused]] const bool registered = enroll_plan<qwen3>("qwen3");

}  // namespace
}  // namespace bench
