// GBLM-Pruner (Das et al. 2023, arXiv 2311.04902; VILA-Lab/GBLM-Pruner lib/prune.py:259-267,
// gradient_computation.py:119-157, 205-209): Wanda's score plus |W| G, G the norm over sequences of
// the gradient of the dense model, 100 times it; rows compete.
#include "core/criterion.h"
#include "measure/statistics.h"

namespace bench {
namespace {

class Gblm : public Criterion {
 public:
  static Schema schema() {
    return {key("norm", "l2", "of the gradients over sequences").one_of({"l2", "l1"}),
            key("activations", true, "false: |W| G alone, without Wanda's score"),
            key("scale", 100.0, "c: the gradient counts so often").range(1e-6, 1e9),
            key("precision", "float32", "of the norms; float16 as the authors' code keeps them")
                .one_of({"float32", "float16"})};
  }
  explicit Gblm(const Config& c)
      : l2_(c.get<std::string>("norm") == "l2"),
        activations_(c.get<bool>("activations")),
        half_(c.get<std::string>("precision") == "float16"),
        scale_(c.get<double>("scale")) {}

  Ranks accepts() const override { return {{}, Contest::Row}; }
  Needs needs() const override {
    Needs all{kind()};
    if (activations_) all.push_back(need<InputMoments>());
    return all;
  }
  Tensor score(const View& view, const Stats& stats) const override {
    const auto size = view.weight.to(at::kFloat).abs();
    const auto g = stats.get<GradientNorms>(view.layer, kind()).norm();
    const auto by_gradient = size * g.slice(1, view.begin, view.end);
    if (!activations_) return by_gradient;
    const auto norm = stats.get<InputMoments>(view.layer).scaler_row().to(at::kFloat).sqrt();
    return size * view.columns(norm) + by_gradient;
  }

 private:
  StatisticKind kind() const { return need<GradientNorms>(int(l2_), int(half_), scale_); }
  bool l2_, activations_, half_;
  double scale_;
};

BENCH_REGISTER(Criterion, Gblm, "gblm", .doc = "Wanda's score plus |W| times the gradients' norm",
               .source = "Das et al. 2023, arXiv 2311.04902", .year = 2023,
               .data = About::Data::Unlabelled);

}  // namespace
}  // namespace bench
