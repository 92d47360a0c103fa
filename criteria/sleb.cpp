// SLEB (Song et al. 2024, arXiv 2402.09025): greedily drop the block without which the calibration
// loss is smallest, given those that are gone (sleb.py:99-136, utils/onoff_utils). BlockPruner
// (Zhong et al. 2024, arXiv 2406.10594; MrGGLS/BlockPruner@8210707 block_search.py:160-195,
// utils.py:94-140): the same over attention and MLPs, every sequence counting alike.
#include "core/criterion.h"
#include "measure/greedy_removal.h"

namespace bench {
namespace {

template <bool PerToken>
class Greedily : public Criterion {
 public:
  Ranks accepts() const override {
    return {{.weights = false,
             .nm = false,
             .units = {"block", "attention", "mlp"},
             .input = Input::Text}};
  }
  Needs needs() const override { return {kind()}; }
  Tensor units(const Group& group, const Stats& stats) const override {
    const auto& found = stats.get<GreedyRemoval>(*group.slices.front().layer, kind()).ranks;
    return at::tensor({static_cast<double>(found.at(group.name))}, at::kDouble);
  }

 private:
  static StatisticKind kind() { return need<GreedyRemoval>(int{PerToken}, 0); }
};
using Sleb = Greedily<true>;
using BlockPruner = Greedily<false>;

BENCH_REGISTER(Criterion, Sleb, "sleb",
               .doc = "greedy: the block without which the loss is smallest",
               .source = "Song et al. 2024, arXiv 2402.09025", .year = 2024,
               .data = About::Data::Unlabelled, .how = About::How::Searched);
BENCH_REGISTER(Criterion, BlockPruner, "blockpruner",
               .doc = "greedy: the attention or MLP without which perplexity is smallest",
               .source = "Zhong et al. 2024, arXiv 2406.10594", .year = 2024,
               .data = About::Data::Unlabelled, .how = About::How::Searched);

}  // namespace
}  // namespace bench
