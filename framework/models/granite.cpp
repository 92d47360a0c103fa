#include "models/granite.h"

namespace bench {

Plan granite_plan(Source& c) {
  auto p = llama_plan(c);
  p.embed_scale = c.get<double>("embedding_multiplier", 1);
  p.residual = c.get<double>("residual_multiplier", 1);
  p.scale = c.get<double>("attention_multiplier", 1);
  const auto divisor = c.get<double>("logits_scaling", 1);
  if (!(divisor > 0) || !(p.scale > 0))
    c.refuse(divisor > 0 ? "attention_multiplier" : "logits_scaling");
  p.logit_scale = 1 / divisor;
  p.qkv_bias = p.o_bias = c.get("attention_bias", false);
  return p;
}

namespace {

Plan granite(Source& c) {
  auto p = granite_plan(c);
  p.mlp_bias = c.get("mlp_bias", false);
  return p;
}

[[maybe_unused]] const bool registered = enroll_plan<granite>("granite");

}  // namespace
}  // namespace bench
