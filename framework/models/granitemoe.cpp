// GraniteMoE: Granite with experts, all of a block in one tensor. transformers
// models/granitemoe/modeling_granitemoe.py.
#include "models/granite.h"

namespace bench {
namespace {

Plan granitemoe(Source& c) {
  auto p = granite_plan(c);
  c.only<std::string>("position_embedding_type", "rope");
  MixtureForm m;
  m.router.scores = RouterForm::SoftmaxOfChosen;
  m.router.chosen = c.get<int64_t>("num_experts_per_tok", 2);
  m.experts_key = "num_local_experts";
  m.neurons_key = "intermediate_size";
  m.router_name = "block_sparse_moe.router.layer";
  m.experts_at = "block_sparse_moe.";
  m.stacked_in = "input_linear.weight", m.stacked_out = "output_linear.weight";
  m.act = p.act;
  p.mixture = m;
  return p;
}

[[maybe_unused]] const bool registered =
    enroll_plan<granitemoe>("granitemoe", {"intermediate_size", "", "", ""}, true);

}  // namespace
}  // namespace bench
