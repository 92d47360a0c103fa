// Wanda (Sun et al. 2023, arXiv 2306.11695): |W_oi| sqrt(sum_t x_ti^2 / N), competing within the
// output row; and its variant, which removes the same share of each row's score mass instead of its
// weights (wanda/lib/prune.py:97-103, 178-196).
#include "core/criterion.h"
#include "core/selection.h"
#include "kernels/select.h"
#include "kernels/twins.h"
#include "measure/statistics.h"

namespace bench {
namespace {

Tensor wanda_score(const View& view, const Stats& stats) {
  const auto scaler = view.columns(stats.get<InputMoments>(view.layer).scaler_row());
  const auto norm = scaler.sqrt().to(at::kFloat).contiguous();
  const auto w = view.weight.to(at::kFloat).contiguous();
  if (w.is_cuda() && !kernels::twins()) return w.abs() * norm;
  auto out = at::empty_like(w);
  const auto *from = w.const_data_ptr<float>(), *by = norm.const_data_ptr<float>();
  auto* to = out.mutable_data_ptr<float>();
  if (w.is_cuda())
    kernels::check_cuda(kernels::twins()->scaled_magnitude(from, by, w.size(0), w.size(1), to),
                        "scaled_magnitude");
  else
    kernels::scaled_magnitude(from, by, w.size(0), w.size(1), to);
  return out;
}

class Wanda : public Criterion {
 public:
  Ranks accepts() const override { return {{}, Contest::Row}; }
  Needs needs() const override { return {need<InputMoments>()}; }
  Tensor score(const View& view, const Stats& stats) const override {
    return wanda_score(view, stats);
  }
};

/// Share of its row's score mass that goes before and with each weight: one threshold alpha on it
/// is the variant's rule, and an exact count over the layer replaces the authors' bisection for
/// alpha.
class WandaVariant : public Criterion {
 public:
  Ranks accepts() const override {
    return {{.nm = false, .units = {}, .per_row = false}, Contest::Layer, "wanda_variant"};
  }
  Needs needs() const override { return {need<InputMoments>()}; }

  Tensor score(const View& view, const Stats& stats) const override {
    const auto s = wanda_score(view, stats);
    const auto [sorted, order] = at::sort(s, /*stable=*/true, 1, /*descending=*/false);
    const auto mass = sorted.to(at::kDouble).cumsum(1);
    const auto share = mass / mass.slice(1, -1).clamp_min(1e-300);
    return at::empty_like(share).scatter_(1, order, share).to(at::kFloat);
  }
};

/// main.py's bisection for alpha on shares of score mass, until within 1e-3.
class Bisection : public Selection {
 public:
  Tensor mask(const Tensor& mass, Contest contest, Share share) const override {
    if (share.count >= 0) return Selection::mask(mass, contest, share);
    double low = 0, high = 0.8, alpha = 0.4;
    auto keep = mass > alpha;
    const auto removed = [&] { return 1.0 - keep.to(at::kDouble).mean().item<double>(); };
    while (std::abs(removed() - share.ratio) > 1e-3 && high - low >= 1e-3) {
      if (removed() > share.ratio)
        high = alpha;
      else
        low = alpha;
      alpha = (low + high) / 2;
      keep = mass > alpha;
    }
    return keep;
  }
};

BENCH_REGISTER(Criterion, Wanda, "wanda", .doc = "|W| times the norm of the input column, per row",
               .source = "Sun et al. 2023, arXiv 2306.11695", .year = 2023,
               .data = About::Data::Unlabelled);
BENCH_REGISTER(Criterion, WandaVariant, "wanda_variant",
               .doc = "Wanda's score, the same share of score mass removed in each row",
               .source = "Sun et al. 2023, arXiv 2306.11695", .year = 2023,
               .data = About::Data::Unlabelled);
BENCH_REGISTER(Selection, Bisection, "wanda_variant",
               .doc = "bisection for a threshold on shares of score mass, until within 1e-3",
               .source = "Sun et al. 2023, arXiv 2306.11695 (lib/prune.py)", .year = 2023);

}  // namespace
}  // namespace bench
