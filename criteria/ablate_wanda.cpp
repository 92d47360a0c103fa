// The ablation of Wanda's authors (locuslab/wanda@8e8fc87 lib/ablate.py:34-56): Wanda's score with
// SparseGPT's repair, chosen once (`update.reselect` false, "seq") or slab by slab among all rows
// of a slab (true with pattern per=layer, "iter"). Its activation statistic is not Wanda's: inputs
// are scaled by sqrt(2 / k) before the running mean, so the k-th of N sequences weighs 2 / (k N).
#include "core/criterion.h"
#include "measure/passes.h"

namespace bench {
namespace {

struct FadingSquares : Statistic {
  static constexpr const char* kName = "fading_squares";
  static const Pass& pass() { return kForwardPass; }
  explicit FadingSquares(const Layer& l)
      : sum(at::zeros({l.columns()}, l.weight.options().dtype(at::kDouble))) {}
  void on_input(const Tensor& x, int64_t n) override {
    count += n;
    sum += x.square().sum(0, false, at::kDouble) * (2.0 / static_cast<double>(count));
  }
  Values values() const override { return {{"sum", sum}}; }
  Tensor scaler_row() const { return sum / static_cast<double>(count); }

  Tensor sum;  // [in] float64: of ||x_k||^2 2 / k
  int64_t count = 0;
};

class AblateWanda : public Criterion {
 public:
  Ranks accepts() const override { return {{}, Contest::Row}; }
  Needs needs() const override { return {need<FadingSquares>()}; }
  Tensor score(const View& view, const Stats& stats) const override {
    const auto norm = stats.get<FadingSquares>(view.layer).scaler_row().to(at::kFloat).sqrt();
    return view.weight.to(at::kFloat).abs() * view.columns(norm);
  }
};

BENCH_REGISTER(Criterion, AblateWanda, "ablate_wanda",
               .doc = "Wanda's score as its authors' ablation has it: early sequences weigh more",
               .source = "Sun et al. 2023, arXiv 2306.11695 (lib/ablate.py)", .year = 2023,
               .data = About::Data::Unlabelled);

}  // namespace
}  // namespace bench
