// gpt-oss: experts with a clamped gate, all of a block in one tensor, attention sinks, every other
// layer in a window, yarn. transformers models/gpt_oss/modeling_gpt_oss.py.
#include "models/transformer.h"

namespace bench {
namespace {

MixtureForm mixture(Source& c, const Plan& p) {
  MixtureForm m;
  m.router.scores = RouterForm::SoftmaxOfChosen;
  m.router.chosen = c.has("num_experts_per_tok") || c.has("experts_per_token")
                        ? c.size({"num_experts_per_tok", "experts_per_token"})
                        : 4;
  m.router.bias = true;
  m.experts_key = "num_local_experts";
  m.neurons_key = "intermediate_size";
  m.router_name = "mlp.router";
  m.experts_at = "mlp.experts.";
  m.stacked_in = "gate_up_proj", m.stacked_out = "down_proj";
  m.bias_in = "gate_up_proj_bias", m.bias_out = "down_proj_bias";
  m.input_first = m.interleaved = true;
  m.swiglu_alpha = c.get<double>("swiglu_alpha", 1.702);
  m.swiglu_limit = c.get<double>("swiglu_limit", 7);
  m.act = p.act;
  return m;
}

Plan gpt_oss(Source& c) {
  PlanKeys keys;
  keys.eps_default = 1e-5;
  keys.rope = false;
  auto p = llama_plan(c, keys);
  c.only<std::string>("hidden_act", "silu");
  p.head_dim = c.get<int64_t>("head_dim", 64);
  p.ropes = {Rope(c, p.head_dim, {150000})};
  p.rope_of.assign(static_cast<size_t>(p.blocks), 0);
  p.qkv_bias = p.o_bias = c.get("attention_bias", true);
  p.sinks = "self_attn.sinks";
  p.windows = windows_of(c, p.blocks, 128, [](int64_t i) { return i % 2 == 0; });
  p.mixture = mixture(c, p);
  c.inert({"initial_context_length"});
  return p;
}

[[maybe_unused]] const bool registered = enroll_plan<gpt_oss>("gpt_oss", llama_widths(), true);

}  // namespace
}  // namespace bench
