// An update on the model as it stands: quantising what was pruned and trained, or what was never
// pruned at all.
#include "core/stage.h"
#include "walk/pruner.h"

namespace bench {
namespace {

class Repair : public Stage {
 public:
  static Schema schema() {
    return {required("update", Key::Type::Map, "which, with its settings (configs/update)"),
            key("propagation", "sequential_block", "which activations statistics are taken from")
                .one_of({"dense", "sequential_block", "per_linear"})};
  }
  explicit Repair(const Config& c) : given_(*c.value().find("update")) {
    std::vector<std::string> mistakes;
    given_ = Registry<Update>::instance().complete(given_, "update", mistakes);
    if (!mistakes.empty()) fail("{}", mistakes.front());
    const auto order = c.get<std::string>("propagation");
    order_ = order == "dense"        ? Propagation::Dense
             : order == "per_linear" ? Propagation::PerLinear
                                     : Propagation::SequentialBlock;
    if (made()->of_blocks())
      fail(
          "update.name: {} repairs blocks against what they were before they were pruned, which "
          "this stage does not know; name it in `update` of the trial",
          name());
  }
  Accepts accepts() const override { return {.input = made()->accepts().input}; }
  bool calibrates() const override { return !made()->needs().empty(); }

  void apply(StageContext& c) const override {
    Method how;
    how.criterion = named<Criterion>("criterion", "magnitude");
    how.allocator = named<Allocator>("allocator", "uniform");
    how.updates.emplace_back(made(), "update " + name());
    how.propagation = order_;
    std::vector<Layer*> dense;
    for (Layer* l : c.model.layers())
      if (!l->mask.defined()) dense.push_back(l);
    auto data = calibrates() ? c.calibration() : Calibration();
    prune(c.model, how, 0, data, nullptr, c.progress);
    for (Layer* l : dense)
      if (l->mask.defined() && l->mask.all().item<bool>()) l->mask = Tensor();
    if (!c.record) return;
    double bits = 0, weights = 0;
    for (const Layer* l : c.model.layers()) {
      const auto* f = l->quantised();
      bits += f ? 8 * f->bytes() : 8 * static_cast<double>(l->weight.nbytes());
      weights += static_cast<double>(l->weight.numel());
    }
    c.record("bits_per_weight", bits / weights, "bits, scales and zeros included");
  }

 private:
  std::string name() const { return given_.find("name")->string(); }
  std::unique_ptr<Update> made() const {
    return Registry<Update>::instance().make(given_, "update");
  }

  Value given_;
  Propagation order_;
};

BENCH_REGISTER(Stage, Repair, "repair",
               .doc =
                   "an update on the model as it stands, masks obeyed: quantisation behind "
                   "recovery, or alone",
               .source = "Frantar and Alistarh 2022, arXiv 2208.11580", .year = 2022,
               .when = About::When::Any, .data = About::Data::Unlabelled);

}  // namespace
}  // namespace bench
