// Block-wise reconstruction after structured pruning: the columns that stay take over, by least
// squares over the calibration inputs, what those that go contributed (the closed form of
// OBC's group solve, Frantar & Alistarh 2022, arXiv 2208.11580, eq. 5; ThiNet, arXiv 1707.06342).
#include "core/update.h"
#include "measure/statistics.h"

namespace bench {
namespace {

/// min over W' of |X W^T - X_K W'^T|^2 + damping: W'_K = W_K + W_R H_RK H_KK^-1, K the columns that
/// stay, R those that go. In float64. Layers that lose rows alone have nothing to repair.
class LeastSquares : public Update {
 public:
  static Schema schema() {
    return {key("damping", 0.01, "share of the mean of the Gram matrix's diagonal that is added")
                .range(1e-8, 10)};
  }
  explicit LeastSquares(const Config& c) : damping_(c.get<double>("damping")) {}

  Needs needs() const override { return {need<InputGram>()}; }

  /// Rows that keep different columns would need a solve each.
  Accepts accepts() const override {
    return {.weights = false, .nm = false, .use = "update=obs for single weights and n:m"};
  }

  void apply(Site& site) const override {
    const auto stays = site.mask.any(0);
    const auto k = stays.nonzero().squeeze(1), r = stays.logical_not().nonzero().squeeze(1);
    if (r.numel() == 0 || k.numel() == 0) return;
    auto h = site.stats.get<InputGram>(site.layer).gram.to(at::kDouble);
    h = h + at::eye(h.size(0), h.options()) * (damping_ * h.diagonal().mean());
    const auto rows = h.index_select(0, k);
    const auto factor = at::linalg_cholesky(rows.index_select(1, k));
    const auto w = site.layer.matrix().to(at::kDouble);
    const auto gone = w.index_select(1, r).mm(rows.index_select(1, r).t());  // W_R H_RK
    const auto step = at::cholesky_solve(gone.t().contiguous(), factor).t();
    site.layer.set_matrix(w.index_add(1, k, step).to(site.layer.weight.scalar_type()));
  }

 private:
  double damping_;
};

BENCH_REGISTER(Update, LeastSquares, "least_squares",
               .doc = "the columns that stay take over what those that go contributed",
               .source = "Frantar and Alistarh 2022, arXiv 2208.11580, eq. 5", .year = 2022,
               .data = About::Data::Unlabelled);

}  // namespace
}  // namespace bench
