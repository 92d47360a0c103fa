// StarCoder2: LLaMA with layer norms, biases and an MLP without a gate. transformers
// models/starcoder2/modeling_starcoder2.py.
#include "models/transformer.h"

namespace bench {
namespace {

Plan starcoder2(Source& c) {
  PlanKeys keys;
  keys.eps = "norm_epsilon";
  keys.eps_default = 1e-5;
  keys.act_default = "gelu_pytorch_tanh";
  auto p = llama_plan(c, keys);
  p.norm.kind = NormForm::Layer;
  p.tied = true;
  p.qkv_bias = p.o_bias = p.mlp_bias = c.get("use_bias", true);
  p.gate = "";
  p.up = "mlp.c_fc", p.down = "mlp.c_proj";
  p.windows = windows_of(c, p.blocks, 0, [](int64_t) { return true; });
  c.inert({"mlp_type", "norm_type", "attention_softmax_in_fp32"});
  return p;
}

[[maybe_unused]] const bool registered = enroll_plan<starcoder2>("starcoder2");

}  // namespace
}  // namespace bench
