// GraSP (Wang et al. 2020, arXiv 2002.07376; alecwangcq/GraSP@f17d87a pruner/GraSP.py:49-150 and
// ganguli-lab/Synaptic-Flow@9dfa57a Pruners/pruners.py:133-178): theta * (H g) of the loss of
// logits / 200; the smallest go, since removing them lowers the gradient's norm least. g is the sum
// over the batches, H g the sum of each batch's product.
#include <torch/csrc/autograd/autograd.h>

#include "core/criterion.h"
#include "measure/sensitivity.h"

namespace bench {
namespace {

struct GradientFlow : Statistic {
  static constexpr const char* kName = "grasp";
  static const Pass& pass();
  GradientFlow(const Layer&, int train_, double temperature_, int wide_)
      : train(train_ != 0), wide(wide_ != 0), temperature(temperature_) {}
  Values values() const override { return {{"score", score}}; }
  bool train, wide;
  double temperature;
  Tensor score;  // as matrix(), over |sum of all|
};

/// Mean cross-entropy of tempered logits.
Tensor tempered(const Model& model, const Batch& batch, double temperature) {
  if (batch.is_text())
    fail("grasp needs second derivatives; it is made for models of images with labels");
  const auto logits = model.forward(batch);
  if (logits.dim() != 2) fail("grasp: divides the logits of classes; a detector has none");
  return at::cross_entropy_loss(logits / temperature, batch.labels);
}

void measure(const Probe& p, Heard<GradientFlow> heard) {
  const auto& how = *heard.front().second;
  Borrowed borrowed;
  if (how.wide) widen(borrowed, p.model);
  const WeightLeaves leaves(p.model, heard);
  std::vector<Batch> batches;
  for (auto& batch : split(p.data.batches)) batches.push_back(how.wide ? widened(batch) : batch);
  std::vector<Tensor> gradient, product;
  for (auto batch : batches) {
    batch.batch_statistics = how.train;
    add_to(gradient,
           torch::autograd::grad({tempered(p.model, batch, how.temperature)}, leaves.all));
  }
  for (auto batch : batches) {
    batch.batch_statistics = how.train;
    const auto g = torch::autograd::grad({tempered(p.model, batch, how.temperature)}, leaves.all,
                                         {}, {}, true);
    auto along = at::zeros({}, g.front().options());
    for (size_t i = 0; i < g.size(); ++i) along = along + (gradient[i].detach() * g[i]).sum();
    add_to(product, torch::autograd::grad({along}, leaves.all));
  }
  at::NoGradGuard no_grad;
  std::vector<Tensor> scores;
  double total = 0;
  for (size_t i = 0; i < product.size(); ++i) {
    scores.push_back((product[i] * leaves.all[i]).flatten(1).detach());
    total += scores.back().sum(at::kDouble).item<double>();
  }
  for (size_t i = 0; i < scores.size(); ++i)
    heard[i].second->score = scores[i] / (std::abs(total) + 1e-10);
}

const Pass kFlow = pass_of<GradientFlow>(Pass::Global, measure, Pass::One);
const Pass& GradientFlow::pass() {
  return kFlow;
}

class Grasp : public Criterion {
 public:
  static Schema schema() {
    return {mode_key(),
            key("temperature", 200.0, "what the logits are divided by").range(1e-3, 1e6),
            dtype_key("float32")};
  }
  explicit Grasp(const Config& c)
      : train_(c.get<std::string>("mode") == "train"),
        temperature_(c.get<double>("temperature")),
        wide_(c.get<std::string>("dtype") == "float64") {}
  Ranks accepts() const override { return {{.input = Input::Images}}; }
  Needs needs() const override {
    return {need<GradientFlow>(int(train_), temperature_, int(wide_))};
  }
  Tensor score(const View& view, const Stats& stats) const override {
    return stats.get<GradientFlow>(view.layer, needs().front())
        .score.slice(1, view.begin, view.end);
  }

 private:
  bool train_;
  double temperature_;
  bool wide_;
};

BENCH_REGISTER(Criterion, Grasp, "grasp", .doc = "theta H g before training: gradient flow",
               .source = "Wang et al. 2020, arXiv 2002.07376", .year = 2020,
               .when = About::When::Before, .data = About::Data::Labelled);

}  // namespace
}  // namespace bench
