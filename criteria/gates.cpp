// Criteria on the gradients of channel gates, sample by sample. A gate multiplies a channel where a
// layer reads it: at 1 its gradient is the sum over the map of x dL/dx.
// Group Fisher (Liu et al. 2021, arXiv 2108.00708; jshilong/FisherPruning@456106c
// fisher_pruning.py:366-434): squares of the gradients summed over the coupled layers first.
// Taylor gate (Molchanov et al. 2019, arXiv 1906.10771; pruning_engine.py:261,428): the square of
// each batch's gradient, averaged over batches.
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "core/borrowed.h"
#include "core/criterion.h"
#include "measure/cost.h"

namespace bench {
namespace {

struct GateGradients : Statistic {
  static constexpr const char* kName = "gate_gradients";
  static const Pass& pass();
  GateGradients(const Layer&, int train_) : train(train_ != 0) {}
  Values values() const override { return {{"samples", samples}}; }
  bool train;
  Tensor samples;                // float64 [samples, in channels], of each sample's own loss
  std::vector<int64_t> batches;  // how many samples each batch had
  double positions = 0;          // of the layer's output, for one image
};

using Gates = std::map<Layer*, Tensor>;

/// Each sample has a gate of its own: [n, c, 1, 1].
void hang(Layer& layer, Tensor& gate, Borrowed& borrowed) {
  borrowed.lens(layer, [&gate](const Layer& l, const Tensor& x) {
    auto shape = x.sizes().vec();
    for (size_t d = 2; d < shape.size(); ++d) shape[d] = 1;
    gate = at::ones(shape, x.options()).requires_grad_();
    return without_lens(l, x * gate);
  });
}

void one_batch(const Probe& p, Batch batch, Heard<GateGradients> all) {
  batch.batch_statistics = all.front().second->train;
  Gates gates;
  Borrowed borrowed;
  for (const auto& [layer, s] : all) hang(*layer, gates[layer], borrowed);
  const auto n = static_cast<double>(batch.count());
  const auto sum = p.model.loss(batch) * n;
  std::vector<Tensor> leaves;
  for (const auto& [layer, s] : all) leaves.push_back(gates.at(layer));
  const auto g = torch::autograd::grad({sum}, leaves, {}, {}, false, true);
  for (size_t i = 0; i < all.size(); ++i) {
    auto* s = all[i].second;
    const auto mine =
        (g[i].defined() ? g[i] : at::zeros_like(leaves[i])).flatten(1).to(at::kDouble);
    s->samples = s->samples.defined() ? at::cat({s->samples, mine.cpu()}) : mine.cpu();
    s->batches.push_back(batch.count());
  }
}

void measure(const Probe& p, Heard<GateGradients> heard) {
  if (p.data.batches.empty() || p.data.batches.front().is_text())
    fail("channel gates need images with labels; text has none");
  const auto positions = output_positions(p.model, p.data.batches.front());
  at::AutoGradMode grad(true);
  for (const auto& [layer, g] : heard) g->positions = static_cast<double>(positions.at(layer));
  for (const auto& batch : p.data.batches) one_batch(p, batch, heard);
}

const Pass kGates = pass_of<GateGradients>(Pass::Global, measure, Pass::One);
const Pass& GateGradients::pass() {
  return kGates;
}

class Gated : public Criterion {
 public:
  static Schema schema() {
    return {
        key("mode", "eval", "batch norms: eval: running statistics; train: the batch's own")
            .one_of({"eval", "train"}),
        key("delta", "none", "cost that a score is divided by").one_of({"none", "acts", "macs"})};
  }
  explicit Gated(const Config& c)
      : train_(c.get<std::string>("mode") == "train"), delta_(c.get<std::string>("delta")) {}
  Ranks accepts() const override {
    return {{.weights = false, .nm = false, .units = {"channel"}, .input = Input::Images}};
  }
  Needs needs() const override { return {kind()}; }
  Tensor score(const View& view, const Stats& stats) const override {
    return value(stats.get<GateGradients>(view.layer, kind()).samples, view.layer, stats)
        .repeat_interleave(view.layer.columns_per_channel())
        .slice(0, view.begin, view.end)
        .unsqueeze(0)
        .expand_as(view.weight)
        .to(at::kFloat);
  }
  Tensor units(const Group& group, const Stats& stats) const override {
    Tensor sum;
    const Layer* reader = nullptr;
    for (const auto& s : group.slices) {
      if (s.dim != Slice::In) continue;
      const auto& g = stats.get<GateGradients>(*s.layer, kind()).samples;
      const int64_t fold = g.size(1) / group.units;  // a flattened map's pixels
      const auto mine = g.reshape({g.size(0), group.units, fold}).sum(2);
      sum = sum.defined() ? sum + mine : mine;
      reader = s.layer;
    }
    if (!reader) fail("{}: no layer reads its channels", group.name);
    return value(sum, *reader, stats) / cost(group, stats);
  }

 protected:
  /// [samples, units] -> [units].
  virtual Tensor value(const Tensor& samples, const Layer& any, const Stats& stats) const = 0;
  StatisticKind kind() const { return need<GateGradients>(int(train_)); }

 private:
  /// What one unit costs (fisher_pruning.py:303-317), as its layers stand now.
  double cost(const Group& group, const Stats& stats) const {
    if (delta_ == "none") return 1;
    double acts = 0, macs = 0;
    for (const auto& s : group.slices) {
      const auto positions = stats.get<GateGradients>(*s.layer, kind()).positions;
      const auto kernel = static_cast<double>(s.layer->columns_per_channel());
      if (s.dim == Slice::Out) acts += positions;
      macs +=
          positions * kernel *
          static_cast<double>(s.dim == Slice::Out ? kept_inputs(*s.layer) : kept_outputs(*s.layer));
    }
    return std::max(1.0, delta_ == "acts" ? acts : macs);
  }
  bool train_;
  std::string delta_;
};

class GroupFisher : public Gated {
 public:
  explicit GroupFisher(const Config& c) : Gated(c) {}

 protected:
  Tensor value(const Tensor& samples, const Layer&, const Stats&) const override {
    return samples.square().sum(0);
  }
};

class TaylorGate : public Gated {
 public:
  explicit TaylorGate(const Config& c) : Gated(c) {}

 protected:
  Tensor value(const Tensor& samples, const Layer& any, const Stats& stats) const override {
    auto sum = at::zeros({samples.size(1)}, samples.options());
    int64_t at = 0;
    const auto& batches = stats.get<GateGradients>(any, kind()).batches;
    for (const auto n : batches) {
      sum += samples.narrow(0, at, n).mean(0).square();
      at += n;
    }
    return sum / static_cast<double>(batches.size());
  }
};

BENCH_REGISTER(Criterion, GroupFisher, "group_fisher",
               .doc = "squared gate gradients of coupled channels",
               .source = "Liu et al. 2021, arXiv 2108.00708", .year = 2021,
               .data = About::Data::Labelled);
BENCH_REGISTER(Criterion, TaylorGate, "taylor_gate",
               .doc = "squared batch gradients of channel gates",
               .source = "Molchanov et al. 2019, arXiv 1906.10771", .year = 2019,
               .data = About::Data::Labelled);

}  // namespace
}  // namespace bench
