// Depth pruning by what a block does to the residual stream. ShortGPT (Men et al. 2024, arXiv
// 2403.03853): block influence 1 - cos(h_in, h_out), mean over tokens; LLM-Drop (He et al. 2024,
// arXiv 2406.15786): the same of attention and MLP sublayers; "deeper layers" (Gromov et al. 2024,
// arXiv 2403.17887): the angle of last tokens (ShortGPT/short_gpt/metrics.py:4-26,
// LLM-Drop/prune/block_drop.py:73).
#include "core/block_influence.h"
#include "core/criterion.h"

namespace bench {
namespace {

class BlockCriterion : public Criterion {
 public:
  void check(const Pattern& p) const override {
    if (p.kind != Pattern::Structured || !p.depth())
      fail(
          "shortgpt, llm_drop: score whole blocks or sublayers; use pattern=blocks, attention or "
          "sublayers");
  }
  Needs needs() const override { return {need<BlockInfluence>()}; }
  /// Blocks have no single weights to score.
  Tensor score(const View& view, const Stats&) const override {
    return at::zeros_like(view.weight, at::kFloat);
  }
  Tensor units(const Group& group, const Stats& stats) const override {
    const auto& all = stats.get<BlockInfluence>(*group.slices.front().layer).of;
    const auto& of = all.at(group.name);
    const double mean = angular_ ? of.angle / static_cast<double>(of.sequences)
                                 : of.one_minus_cosine / static_cast<double>(of.tokens);
    return at::tensor({mean}, at::kDouble);
  }

 protected:
  bool angular_ = false;
};

struct ShortGpt : BlockCriterion {
  static Schema schema() {
    return {key("distance", "cosine",
                "1 - cosine over all tokens, or the angle of the last token of each sequence")
                .one_of({"cosine", "angular"})};
  }
  explicit ShortGpt(const Config& c) { angular_ = c.get<std::string>("distance") == "angular"; }
};

struct LlmDrop : BlockCriterion {};

BENCH_REGISTER(Criterion, ShortGpt, "shortgpt", "block influence: 1 - cosine of what goes through");
BENCH_REGISTER(Criterion, LlmDrop, "llm_drop", "1 - cosine across attention and MLP sublayers");

}  // namespace
}  // namespace bench
