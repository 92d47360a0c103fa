// OBD per channel (Wang et al. 2019, EigenDamage, arXiv 1905.05934, as Torch-Pruning groups it:
// VainF/Torch-Pruning@e80127d torch_pruning/pruner/importance.py:548-658): w^2 F of the layers that
// write a unit, alone. F: squared gradients of each sample's loss, summed over samples and divided
// by the number of BATCHES, + 1e-10.
#include "measure/grouped.h"
#include "measure/statistics.h"

namespace bench {
namespace {

class Obdc : public Criterion {
 public:
  static Schema schema() {
    return Grouping::schema() +
           Schema{key("batch", 32, "samples a batch: the sum over samples is divided by batches")
                      .at_least(1)
                      .in("samples")};
  }
  explicit Obdc(const Config& c) : how_(c), batch_(c.get<int64_t>("batch")) {}
  Ranks accepts() const override {
    return {{.weights = false,
             .nm = false,
             .units = {"channel", "head", "head_dim", "neuron", "attention", "mlp", "block"}}};
  }
  Needs needs() const override { return {need<GradientMoments>()}; }
  Tensor score(const View& view, const Stats& stats) const override {
    const auto& s = stats.get<GradientMoments>(view.layer);
    const auto batches = static_cast<double>((s.count + batch_ - 1) / batch_);
    const auto fisher = s.square_sum.slice(1, view.begin, view.end) / batches + 1e-10;
    return view.weight.square() * fisher;
  }
  Tensor units(const Group& group, const Stats& stats) const override {
    std::vector<Tensor> all;
    for (const auto& s : group.rooted())
      if (s.dim == Slice::Out)
        all.push_back(
            how_.channels(group, s, score(View(*s.layer), stats).sum(1, false, at::kDouble)));
    if (all.empty()) fail("{}: no layer writes its units, so obdc cannot rank them", group.name);
    return how_.reduce(group, all);
  }

 private:
  Grouping how_;
  int64_t batch_;
};

BENCH_REGISTER(Criterion, Obdc, "obdc", .doc = "w^2 F of the layers that write a unit (OBD-C)",
               .source = "Wang et al. 2019, arXiv 1905.05934", .year = 2019,
               .data = About::Data::Labelled);

}  // namespace
}  // namespace bench
