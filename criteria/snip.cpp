// SNIP (Lee et al. 2019, arXiv 1810.02340; ganguli-lab/Synaptic-Flow@9dfa57a
// Pruners/pruners.py:104-131): |w dL/dw|, gradients of the batches' mean losses added up, over the
// sum of all scores. The common factor is left out where it cannot change a rank.
#include <torch/csrc/autograd/autograd.h>

#include "core/criterion.h"
#include "measure/sensitivity.h"

namespace bench {
namespace {

struct Sensitivity : Statistic {
  static constexpr const char* kName = "snip";
  static const Pass& pass();
  Sensitivity(const Layer&, int train_, int wide_) : train(train_ != 0), wide(wide_ != 0) {}
  Values values() const override { return {{"score", score}}; }
  bool train, wide;
  Tensor score;  // as matrix(), over the sum of all layers that are pruned
};

void measure(const Probe& p, Heard<Sensitivity> heard) {
  const bool wide = heard.front().second->wide;
  Borrowed borrowed;
  if (wide) widen(borrowed, p.model);
  const WeightLeaves leaves(p.model, heard);
  std::vector<Tensor> sum;
  for (auto batch : split(p.data.batches)) {
    if (wide) batch = widened(batch);
    batch.batch_statistics = heard.front().second->train;
    add_to(sum, torch::autograd::grad({p.model.loss(batch)}, leaves.all));
  }
  at::NoGradGuard no_grad;
  std::vector<Tensor> scores;
  auto total = at::zeros({}, at::kDouble);
  for (size_t i = 0; i < sum.size(); ++i) {
    scores.push_back((sum[i] * leaves.all[i]).abs().flatten(1).detach());
    total += scores.back().sum(at::kDouble).cpu();
  }
  const auto norm = std::max(total.item<double>(), 1e-300);
  for (size_t i = 0; i < scores.size(); ++i) heard[i].second->score = scores[i] / norm;
}

const Pass kSnip = pass_of<Sensitivity>(Pass::Global, measure, Pass::One);
const Pass& Sensitivity::pass() {
  return kSnip;
}

class Snip : public Criterion {
 public:
  static Schema schema() { return {mode_key(), dtype_key("float32")}; }
  explicit Snip(const Config& c)
      : train_(c.get<std::string>("mode") == "train"),
        wide_(c.get<std::string>("dtype") == "float64") {}
  Needs needs() const override { return {need<Sensitivity>(int(train_), int(wide_))}; }
  Tensor score(const View& view, const Stats& stats) const override {
    return stats.get<Sensitivity>(view.layer, needs().front()).score.slice(1, view.begin, view.end);
  }

 private:
  bool train_, wide_;
};

BENCH_REGISTER(Criterion, Snip, "snip", .doc = "|w g| before training: connection sensitivity",
               .source = "Lee et al. 2019, arXiv 1810.02340", .year = 2019,
               .when = About::When::Before, .data = About::Data::Labelled);

}  // namespace
}  // namespace bench
