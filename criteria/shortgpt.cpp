// Depth pruning by what a block does to the residual stream. ShortGPT (Men et al. 2024, arXiv
// 2403.03853): block influence 1 - cos(h_in, h_out), mean over tokens; LLM-Drop (He et al. 2024,
// arXiv 2406.15786): the same of attention and MLP sublayers; "deeper layers" (Gromov et al. 2024,
// arXiv 2403.17887): blocks in a row, by the angle of last tokens
// (ShortGPT/short_gpt/metrics.py:4-26, LLM-Drop/prune/block_drop.py:73).
#include "core/criterion.h"
#include "measure/block_influence.h"

namespace bench {
namespace {

Ranks depth() {
  return {{.weights = false,
           .nm = false,
           .units = {"block", "attention", "mlp"},
           .input = Input::Text}};
}

class ShortGpt : public Criterion {
 public:
  Ranks accepts() const override { return depth(); }
  Needs needs() const override { return {need<BlockInfluence>()}; }
  Tensor units(const Group& group, const Stats& stats) const override {
    const auto& of = stats.get<BlockInfluence>(*group.slices.front().layer).of.at(group.name);
    const double mean = of.one_minus_cosine / static_cast<double>(of.tokens);
    return at::tensor({mean}, at::kDouble);
  }
};
struct LlmDrop : ShortGpt {};

/// As many blocks in a row as the target asks for, those whose ends are nearest in angle.
struct NearestRun : Statistic {
  static constexpr const char* kName = "nearest_run";
  static const Pass& pass();
  explicit NearestRun(const Layer&) {}
  Values values() const override { return {{"run", at::tensor({first, length})}}; }
  int64_t first = 0, length = 0;
};

/// Where the run of `length` blocks with the smallest angle begins; all of them are candidates.
int64_t nearest_run(const std::map<std::string, BlockInfluence::Of>& all, int64_t length) {
  std::map<int64_t, const BlockInfluence::Of*> by_block;
  for (const auto& [name, of] : all) by_block[of.block] = &of;
  std::pair<double, int64_t> best{std::numeric_limits<double>::infinity(), 0};
  for (const auto& [block, of] : by_block)
    if (length > 0 && by_block.count(block + length - 1))
      best = std::min(best, {of->angles.at(static_cast<size_t>(length - 1)), block});
  return best.second;
}

void find_run(const Probe& p, Heard<NearestRun> heard) {
  const auto length =
      static_cast<int64_t>(p.target * static_cast<double>(p.groups.size()) * (1 + 1e-12));
  const auto first = nearest_run(measure_influence(p), length);
  for (const auto& [layer, s] : heard) s->first = first, s->length = length;
}

const Pass kFindRun = pass_of<NearestRun>(Pass::Global, find_run, Pass::All, /*aimed=*/true);
const Pass& NearestRun::pass() {
  return kFindRun;
}

class DeeperLayers : public Criterion {
 public:
  Ranks accepts() const override {
    auto a = depth();
    a.units = {"block"};
    return a;
  }
  Needs needs() const override { return {need<NearestRun>()}; }
  Tensor units(const Group& group, const Stats& stats) const override {
    const auto& run = stats.get<NearestRun>(*group.slices.front().layer);
    const bool inside = group.block >= run.first && group.block < run.first + run.length;
    return at::tensor({inside ? 0.0 : 1.0}, at::kDouble);
  }
};

BENCH_REGISTER(Criterion, ShortGpt, "shortgpt",
               .doc = "block influence: 1 - cosine of what goes through",
               .source = "Men et al. 2024, arXiv 2403.03853", .year = 2024,
               .data = About::Data::Unlabelled);
BENCH_REGISTER(Criterion, DeeperLayers, "deeper_layers",
               .doc = "blocks in a row whose ends are nearest in angle",
               .source = "Gromov et al. 2024, arXiv 2403.17887", .year = 2024,
               .data = About::Data::Unlabelled, .how = About::How::Searched);
BENCH_REGISTER(Criterion, LlmDrop, "llm_drop",
               .doc = "1 - cosine across attention and MLP sublayers",
               .source = "He et al. 2024, arXiv 2406.15786", .year = 2024,
               .data = About::Data::Unlabelled);

}  // namespace
}  // namespace bench
