// The LLaMA family: LLaMA 1-3, Mistral (sliding window, heads of their own width), Qwen2 (biases).
// Pre-norm RMSNorm, rotary positions, grouped-query attention, gated MLP. transformers
// models/llama/modeling_llama.py.
#include "models/transformer.h"

namespace bench {
namespace {

Plan whole_heads(Source& c) {
  auto p = llama_plan(c);
  if (!p.ropes.front().whole()) fail("{}: a LLaMA rotates whole heads", c.where());
  return p;
}

Plan llama(Source& c) {
  auto p = whole_heads(c);
  p.qkv_bias = p.o_bias = c.get("attention_bias", false);
  p.mlp_bias = c.get("mlp_bias", false);
  return p;
}

Plan mistral(Source& c) {
  auto p = whole_heads(c);
  p.windows = windows_of(c, p.blocks, 4096, [](int64_t) { return true; });
  return p;
}

Plan qwen2(Source& c) {
  auto p = whole_heads(c);
  p.qkv_bias = true;
  p.windows = late_windows(c, p.blocks);
  return p;
}

[[maybe_unused]] const bool registered =
    enroll_plan<llama>("llama") && enroll_plan<mistral>("mistral") && enroll_plan<qwen2>("qwen2");

}  // namespace
}  // namespace bench
