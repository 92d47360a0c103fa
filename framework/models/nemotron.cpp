// Nemotron, Minitron: layer norms by 1 + weight, squared ReLU without a gate, half of each head
// rotated. transformers models/nemotron/modeling_nemotron.py.
#include "models/transformer.h"

namespace bench {
namespace {

Plan nemotron(Source& c) {
  PlanKeys keys;
  keys.share = 0.5;
  keys.eps = "norm_eps";
  keys.eps_default = 1e-5;
  keys.act_default = "relu2";
  auto p = llama_plan(c, keys);
  p.norm.kind = NormForm::Layer;
  p.norm.one_more = true;
  p.qkv_bias = p.o_bias = c.get("attention_bias", false);
  p.mlp_bias = c.get("mlp_bias", false);
  p.gate = "";
  return p;
}

[[maybe_unused]] const bool registered = enroll_plan<nemotron>("nemotron");

}  // namespace
}  // namespace bench
