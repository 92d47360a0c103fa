// OATS (Zhang and Papyan 2024, arXiv 2409.13652; stephenqz/OATS@776d36a OATS/prune_oats.py:110-135,
// 170-204): a layer as two factors and a sparse rest. Columns are scaled by the norm of their
// inputs, then the truncated SVD of what the rest leaves and the rest, thresholded, take turns. The
// pattern is the rest's; the factors get `rank` of all parameters that stay.
#include <cmath>

#include "core/update.h"
#include "measure/low_rank.h"
#include "measure/statistics.h"

namespace bench {
namespace {

class Oats : public Update {
 public:
  static Schema schema() {
    return {key("rank", 0.25,
                "share of the parameters that stay which the factors hold; the rest, as sparse as "
                "the target or the pattern says, has the others")
                .range(0, 0.99),
            key("iterations", 80, "turns").range(1, 10000)};
  }
  explicit Oats(const Config& c)
      : share_(c.get<double>("rank")), turns_(c.get<int64_t>("iterations")) {}
  Accepts accepts() const override { return {.units = {}, .exempt = false}; }
  Needs needs() const override { return {need<InputMoments>()}; }

  void apply(Site& site) const override {
    if (site.layer.weight.numel() == 0) return;  // of a sublayer that is gone
    SingleThread alone;
    Layer& l = site.layer;
    const auto norm = site.stats.get<InputMoments>(l).scaler_row().to(at::kFloat).sqrt();
    const auto scaled = l.matrix().to(at::kFloat) * norm;
    const auto rank = l.is_conv() ? 0 : rank_of(site);  // a convolution is thresholded alone
    auto rest = at::zeros_like(scaled), mask = site.mask;
    Tensor u, v;
    for (int64_t i = 0; i < turns_; ++i) {
      auto left = scaled;
      if (rank > 0) {
        const auto [a, s, b] = at::linalg_svd(scaled - rest, /*full_matrices=*/false);
        u = a.slice(1, 0, rank) * s.slice(0, 0, rank), v = b.slice(0, 0, rank);
        left = scaled - u.mm(v);
      }
      auto score = left.abs();
      if (l.mask.defined()) score.masked_fill_(~l.mask, -INFINITY);
      mask = site.best(score);
      rest = left.masked_fill(~mask, 0);
      if (rank == 0) break;
    }
    // Inputs that are always zero keep nothing.
    const auto back = at::where(norm > 0, 1 / norm, at::zeros_like(norm));
    site.mask = mask;
    if (rank > 0)
      l.set_low_rank(u, v * back, rest * back);
    else
      l.set_matrix(rest * back);
  }

 private:
  /// With k the share of the parameters that stay, the rest keeps (1 - rank) k of the weights.
  int64_t rank_of(const Site& site) const {
    const auto& p = site.pattern;
    const auto gone = site.share.count >= 0 ? static_cast<double>(site.share.count) /
                                                  static_cast<double>(site.part.size)
                                            : site.share.ratio;
    const auto kept = p.kind == Pattern::NM ? 1 - p.fixed_share() : 1 - gone;
    return rank_for(site.layer.rows(), site.layer.columns(), share_ * kept / (1 - share_));
  }

  double share_;
  int64_t turns_;
};

BENCH_REGISTER(Update, Oats, "oats", .doc = "a layer as two factors and a sparse rest, in turns",
               .source = "Zhang and Papyan 2024, arXiv 2409.13652", .year = 2024,
               .data = About::Data::Unlabelled, .fusion = "low_rank");

}  // namespace
}  // namespace bench
