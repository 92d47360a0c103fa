// Wanda-sp and magnitude-sp: FLAP's structured baselines (An et al. 2024). The layer that reads the
// units scores them: mean over outputs of Wanda's |W| sqrt(sum_t x^2 / N), or the norm of the
// column; a head is the sum over its columns (FLAP/lib/prune.py, prune_wanda_sp,
// prune_magnitude_sp).
#include "core/criterion.h"
#include "measure/statistics.h"

namespace bench {
namespace {

class ByReader : public Criterion {
 public:
  Ranks accepts() const override {
    return {{.weights = false, .nm = false, .units = {"head", "neuron"}},
            Contest::Layer,
            "below_index"};
  }

  Tensor units(const Group& group, const Stats& stats) const override {
    for (const auto& s : group.slices)
      if (s.dim == Slice::In)
        return columns(*s.layer, stats).reshape({s.stretches, group.units, s.width}).sum(2).sum(0);
    fail("{}: no layer reads its units", group.name);
  }

 private:
  virtual Tensor columns(const Layer& layer, const Stats& stats) const = 0;
};

class WandaSp : public ByReader {
 public:
  Needs needs() const override { return {need<InputMoments>()}; }
  Tensor score(const View& view, const Stats& stats) const override {
    const auto norm = stats.get<InputMoments>(view.layer).scaler_row().sqrt().to(at::kFloat);
    return view.weight.abs() * view.columns(norm);
  }

 private:
  Tensor columns(const Layer& layer, const Stats& stats) const override {
    return score(View(layer), stats).mean(0);
  }
};

class MagnitudeSp : public ByReader {
 public:
  Tensor score(const View& view, const Stats&) const override { return view.weight.abs(); }

 private:
  Tensor columns(const Layer& layer, const Stats&) const override {
    return layer.matrix().square().sum(0).sqrt();
  }
};

constexpr const char* kPaper = "An et al. 2024, arXiv 2312.11983";
BENCH_REGISTER(Criterion, WandaSp, "wanda_sp", .doc = "Wanda's scores summed by head and neuron",
               .source = kPaper, .year = 2024, .data = About::Data::Unlabelled);
BENCH_REGISTER(Criterion, MagnitudeSp, "magnitude_sp",
               .doc = "column norms summed by head and neuron", .source = kPaper, .year = 2024);

}  // namespace
}  // namespace bench
