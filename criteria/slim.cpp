// SLiM's quantisation (Mozaffari et al. 2024, arXiv 2410.09615; Paramathic/slim@d5ae867
// slim/quantization/quantization.py:10-98, 168-186): one scale for the whole matrix, that of its
// largest weight, or that of the cap at which the error integrated over the histogram of sizes is
// least.
#include <limits>

#include "core/update.h"

namespace bench {
namespace {

class Slim : public Update {
 public:
  static Schema schema() {
    return {key("bits", 4, "of a level").range(2, 16),
            key("cap", "integral", "the size that the largest level stands for")
                .one_of({"integral", "largest"}),
            key("quantize_first", true,
                "the scale is of the weights as they stand before what is pruned goes")};
  }
  explicit Slim(const Config& c)
      : bits_(c.get<int64_t>("bits")),
        integral_(c.get<std::string>("cap") == "integral"),
        first_(c.get<bool>("quantize_first")) {}
  Accepts accepts() const override { return {.units = {}}; }

  void apply(Site& site) const override {
    if (site.layer.weight.numel() == 0) return;  // of a sublayer that is gone
    const auto all = site.layer.matrix().to(at::kFloat);
    const auto kept = all.masked_fill(~site.mask, 0);
    const auto& seen = first_ ? all : kept;
    const auto most = static_cast<double>((int64_t{1} << (bits_ - 1)) - 1);
    auto cap =
        integral_ ? best_cap(seen.abs().flatten().cpu()).to(kept.device()) : seen.abs().max();
    cap = at::where(cap == 0, at::ones_like(cap), cap);  // nothing but zeros: any scale will do
    const auto factor = most / cap;
    const auto levels = (kept * factor).round_().clamp_(-most - 1, most) + (most + 1);
    Format how;
    how.bits = bits_, how.symmetric = true;
    how.scale = (1 / factor).reshape({1, 1}).cpu();
    how.zero = at::full({1, 1}, most + 1, at::kFloat);
    how.group_of = at::zeros({kept.size(1)}, at::kLong);
    site.layer.set_levels(levels, std::move(how));
  }

 private:
  /// The middle of the bin at which clipping costs least: every tenth is tried, then all between
  /// the neighbours of the best.
  Tensor best_cap(const Tensor& sizes) const {
    const auto bins = std::max<int64_t>(512, std::min<int64_t>(sizes.numel() / 1000, 20000));
    const auto [density, edges] = at::histogram(sizes, bins, {}, {}, /*density=*/true);
    const auto middles = (edges.slice(0, 0, -1) + edges.slice(0, 1)) / 2;
    const auto error = [&, &pdf = density](int64_t i) { return error_of(pdf, middles, i); };
    const auto step = bins / 10, tried = (bins + step - 1) / step;
    int64_t start = 0, end = bins;
    double least = std::numeric_limits<double>::infinity();
    for (int64_t i = 0; i < bins; i += step)
      if (const auto e = error(i); e < least) {
        least = e;
        start = std::max<int64_t>(i - step, 0);
        end = i + step < bins ? i + step : tried > 10 ? i : bins;
      }
    least = std::numeric_limits<double>::infinity();
    int64_t best = start;
    for (int64_t i = start; i < end; ++i)
      if (const auto e = error(i); e < least) least = e, best = i;
    return middles[best];
  }

  /// The authors' integral: levels by rounding down in steps of cap / 2^bits.
  float error_of(const Tensor& pdf, const Tensor& at, int64_t i) const {
    const auto cap = at[i];
    const auto step = cap / static_cast<double>(int64_t{1} << bits_);
    const auto width = at[1] - at[0];
    const auto low = at.slice(0, 0, i), high = at.slice(0, i);
    const auto rounded = at::floor_divide(low, step) * step;
    const auto inside = (pdf.slice(0, 0, i) * (low - rounded).square()).sum() * width;
    const auto clipped = (pdf.slice(0, i) * (high - cap).square()).sum() * width;
    return (inside + clipped).item<float>();
  }

  int64_t bits_;
  bool integral_, first_;
};

BENCH_REGISTER(Update, Slim, "slim",
               .doc = "quantises with one scale for the matrix, at the cap that costs least",
               .source = "Mozaffari et al. 2024, arXiv 2410.09615", .year = 2024,
               .fusion = "quantisation");

}  // namespace
}  // namespace bench
