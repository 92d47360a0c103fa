// SynFlow (Tanaka et al. 2020, arXiv 2006.05467; ganguli-lab/Synaptic-Flow@9dfa57a
// Pruners/pruners.py:178-211): |theta dR/dtheta|, R the sum of the outputs of the network of
// absolute values (batch norms' buffers too) for an input of ones, running statistics in use. Data
// gives the size of the input and nothing else. A deep network's products leave float32's range:
// dtype float64. Meant for many rounds: schedule: {kind: exponential, steps: 100}.
#include <torch/csrc/autograd/autograd.h>

#include "core/criterion.h"
#include "measure/sensitivity.h"

namespace bench {
namespace {

struct Flow : Statistic {
  static constexpr const char* kName = "synflow";
  static const Pass& pass();
  Flow(const Layer&, int wide_) : wide(wide_ != 0) {}
  Values values() const override { return {{"score", score}}; }
  bool wide;     // float64
  Tensor score;  // as matrix()
};

void measure(const Probe& p, Heard<Flow> heard) {
  if (p.data.batches.empty()) fail("synflow takes the input's size from the data; there is none");
  const bool wide = heard.front().second->wide;
  Borrowed borrowed;
  for (auto& t : p.model.tensors())
    if (t.tensor->defined() && t.tensor->is_floating_point())
      borrowed.tensor(*t.tensor) = t.tensor->to(wide ? at::kDouble : at::kFloat).abs();
  const WeightLeaves leaves(p.model, heard);
  const auto one = samples({p.data.batches.front()}).front();
  auto hidden = at::ones_like(p.model.stem(one)).detach();
  for (int64_t b = 0; b < p.model.block_count(); ++b) hidden = p.model.block(b, hidden, one);
  const auto g =
      torch::autograd::grad({p.model.head(hidden, one).sum()}, leaves.all, {}, {}, false, true);
  at::NoGradGuard no_grad;
  std::vector<Tensor> scores;
  double largest = 0;
  for (size_t i = 0; i < g.size(); ++i) {
    scores.push_back((g[i].defined() ? (g[i] * leaves.all[i]).abs() : at::zeros_like(leaves.all[i]))
                         .flatten(1)
                         .detach());
    largest = std::max(largest, scores.back().max().item<double>());
  }
  // Scores are float32 from here on: a common factor keeps products of float64 in its range.
  const double scale = wide && largest > 0 ? 1 / largest : 1;
  for (size_t i = 0; i < scores.size(); ++i) heard[i].second->score = scores[i] * scale;
}

const Pass kFlow = pass_of<Flow>(Pass::Global, measure, Pass::One);
const Pass& Flow::pass() {
  return kFlow;
}

class SynFlow : public Criterion {
 public:
  static Schema schema() { return {dtype_key("float64")}; }
  explicit SynFlow(const Config& c) : wide_(c.get<std::string>("dtype") == "float64") {}
  Needs needs() const override { return {need<Flow>(int(wide_))}; }
  Tensor score(const View& view, const Stats& stats) const override {
    return stats.get<Flow>(view.layer, needs().front()).score.slice(1, view.begin, view.end);
  }

 private:
  bool wide_;
};

BENCH_REGISTER(Criterion, SynFlow, "synflow", .doc = "|theta dR/dtheta|: synaptic flow",
               .source = "Tanaka et al. 2020, arXiv 2006.05467", .year = 2020,
               .when = About::When::Before);

}  // namespace
}  // namespace bench
