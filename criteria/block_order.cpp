// LLM-Pruner's layer-wise mode: the first blocks stay, the last go, nothing is scored
// (hf_prune.py --layer; mini_llm.md 8).
#include "core/criterion.h"

namespace bench {
namespace {

class BlockOrder : public Criterion {
 public:
  void check(const Pattern& p) const override {
    if (p.kind != Pattern::Structured || !p.depth())
      fail("block_order: orders whole blocks or sublayers; use pattern=blocks");
  }
  Tensor score(const View& view, const Stats&) const override {
    return at::zeros_like(view.weight, at::kFloat);
  }
  Tensor units(const Group& group, const Stats&) const override {
    return at::tensor({-static_cast<double>(group.block)}, at::kDouble);
  }
};

BENCH_REGISTER(Criterion, BlockOrder, "block_order", "the last blocks go first; nothing is scored");

}  // namespace
}  // namespace bench
