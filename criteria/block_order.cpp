// LLM-Pruner's layer-wise mode: the first blocks stay, the last go, nothing is scored
// (hf_prune.py --layer; mini_llm.md 8).
#include "core/criterion.h"

namespace bench {
namespace {

class BlockOrder : public Criterion {
 public:
  Ranks accepts() const override {
    return {{.weights = false, .nm = false, .units = {"block", "attention", "mlp"}}};
  }
  Tensor units(const Group& group, const Stats&) const override {
    return at::tensor({-static_cast<double>(group.block)}, at::kDouble);
  }
};

BENCH_REGISTER(Criterion, BlockOrder, "block_order",
               .doc = "the last blocks go first; nothing is scored",
               .source = "Ma et al. 2023, arXiv 2305.11627", .year = 2023,
               .how = About::How::Fixed);

}  // namespace
}  // namespace bench
