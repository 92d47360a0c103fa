// Depth pruning by what a block does to the residual stream. ShortGPT (Men et al. 2024, arXiv
// 2403.03853): block influence 1 - cos(h_in, h_out), mean over tokens; LLM-Drop (He et al. 2024,
// arXiv 2406.15786): the same of attention and MLP sublayers; "deeper layers" (Gromov et al. 2024,
// arXiv 2403.17887): blocks in a row, by the angle of last tokens
// (ShortGPT/short_gpt/metrics.py:4-26, LLM-Drop/prune/block_drop.py:73).
#include "measure/block_influence.h"
#include "core/criterion.h"
#include "core/method.h"

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
    const auto& of = stats.get<BlockInfluence>(*group.slices.front().layer).of.at(group.name);
    const double mean = of.one_minus_cosine / static_cast<double>(of.tokens);
    return at::tensor({mean}, at::kDouble);
  }
};

struct ShortGpt : BlockCriterion {};

/// As many blocks in a row as the target asks for, those whose ends are nearest in angle.
class DeeperLayers : public BlockCriterion {
 public:
  void check(const Pattern& p) const override {
    if (p.kind != Pattern::Structured || p.groups != std::vector<std::string>{"block"})
      fail("deeper_layers: takes out blocks in a row; use pattern=blocks");
  }
  void prepare(Model& model, Calibration&, const Pattern& p, double target) const override {
    const auto blocks = static_cast<double>(prunable_groups(model, p).size());
    length_ = static_cast<int64_t>(target * blocks * (1 + 1e-12));
  }
  Tensor units(const Group& group, const Stats& stats) const override {
    const auto& all = stats.get<BlockInfluence>(*group.slices.front().layer).of;
    const auto first = start(all);
    const bool inside = group.block >= first && group.block < first + length_;
    return at::tensor({inside ? 0.0 : 1.0}, at::kDouble);
  }

 private:
  /// Where the run of blocks with the smallest angle begins; all of them are among the candidates.
  int64_t start(const std::map<std::string, BlockInfluence::Of>& all) const {
    std::map<int64_t, const BlockInfluence::Of*> by_block;
    for (const auto& [name, of] : all) by_block[of.block] = &of;
    std::pair<double, int64_t> best{std::numeric_limits<double>::infinity(), 0};
    for (const auto& [block, of] : by_block)
      if (length_ > 0 && by_block.count(block + length_ - 1))
        best = std::min(best, {of->angles.at(static_cast<size_t>(length_ - 1)), block});
    return best.second;
  }

  mutable int64_t length_ = 0;  // of the last prepare()
};

struct LlmDrop : BlockCriterion {};

BENCH_REGISTER(Criterion, ShortGpt, "shortgpt", "block influence: 1 - cosine of what goes through");
BENCH_REGISTER(Criterion, DeeperLayers, "deeper_layers",
               "blocks in a row whose ends are nearest in angle");
BENCH_REGISTER(Criterion, LlmDrop, "llm_drop", "1 - cosine across attention and MLP sublayers");

}  // namespace
}  // namespace bench
