// ADMM-Grad (Boza 2024, arXiv 2401.02938; fmfi-compbio/admm-pruning@8039208 lib/admm.py:25-127):
// ADMM on columns of norm one, V = W D, with the mask chosen anew by |V + U| in its first
// iterations; the first choice is Wanda's. The scores of the trial's criterion are not used.
#include <limits>

#include "core/update.h"
#include "measure/statistics.h"

namespace bench {
namespace {

class AdmmGrad : public Update {
 public:
  static Schema schema() {
    return {key("damping", 0.1,
                "share of the mean of the normalised Hessian's diagonal that is added to it")
                .range(1e-8, 10),
            key("rho", 1.0, "penalty of the difference between weights and pruned weights")
                .range(1e-6, 1e6),
            key("iterations", 20, "of ADMM").range(0, 100000),
            key("choosing", 15,
                "iterations in which the mask is chosen anew; 0: once, by the dense weights")
                .range(0, 100000),
            key("ramp", "rows",
                "where the share rises along 1 - (1 - t)^3 while the mask is chosen: where rows "
                "compete, as the authors' code does, everywhere, or nowhere")
                .one_of({"rows", "all", "none"})};
  }
  explicit AdmmGrad(const Config& c)
      : damping_(c.get<double>("damping")),
        rho_(c.get<double>("rho")),
        iterations_(c.get<int64_t>("iterations")),
        choosing_(c.get<int64_t>("choosing")),
        ramp_(c.get<std::string>("ramp")) {}

  Accepts accepts() const override { return {.units = {}, .use = "pattern=unstructured"}; }
  Needs needs() const override { return {need<InputGram>()}; }

  void apply(Site& site) const override {
    SingleThread alone;
    // [in, out] as the authors' code holds weights; sums over all tokens, not means.
    const auto& gram = site.stats.get<InputGram>(site.layer);
    const auto xx = gram.gram * (static_cast<double>(gram.count) / 2);
    const auto norm = xx.diagonal().sqrt() + 1e-8;
    auto h = xx / norm;
    h = (h.t() / norm).t().contiguous();
    auto v = (site.layer.matrix().to(at::kFloat) * norm).t().contiguous();
    h.diagonal().add_(h.diagonal().mean() * damping_);
    const auto hv = h.matmul(v);
    h.diagonal().add_(rho_);
    const auto inverse = at::linalg_inv(h);
    auto u = at::zeros_like(v);
    auto mask = choosing_ == 0 ? choose(site, v, 1) : Tensor();
    for (int64_t i = 0; i < iterations_; ++i) {
      if (i < choosing_) mask = choose(site, v + u, part(site, i));
      const auto z = (v + u) * mask;
      u = u + (v - z);
      v = inverse.matmul(hv + rho_ * (z - u));
    }
    // Cut short while the share was rising.
    if (!mask.defined() || (iterations_ < choosing_ && !site.pattern.reference_ties))
      mask = choose(site, v + u, 1);
    const auto w = (((v + u) * mask).t() / norm);
    site.mask = mask.t().contiguous();
    site.layer.set_matrix(w.masked_fill(~site.mask, 0));
  }

 private:
  double part(const Site& site, int64_t i) const {
    const bool nm = site.pattern.kind == Pattern::NM;
    const bool rises = nm || ramp_ == "all" || (ramp_ == "rows" && site.contest == Contest::Row);
    if (!rises || (nm && ramp_ == "none")) return 1;
    const double left = 1 - static_cast<double>(i + 1) / static_cast<double>(choosing_);
    return 1 - left * left * left;
  }

  /// bool [in, out]: what is kept by size when `part` of the share goes. v: [in, out].
  static Tensor choose(const Site& site, const Tensor& v, double part) {
    const auto score = v.t().abs().contiguous();
    const double share = site.pattern.kind == Pattern::NM ? site.pattern.fixed_share()
                         : site.share.count >= 0
                             ? static_cast<double>(site.share.count) /
                                   static_cast<double>(site.part.size)
                             : site.share.ratio;
    if (part >= 1 && !(site.pattern.reference_ties && site.contest == Contest::Row))
      return site.best(score).t();
    // share - share (1 - t)^3 in the authors' order of operations.
    const double now = share - share * (1 - part);
    if (site.pattern.kind == Pattern::NM) return rising_nm(site, score, now).t();
    if (site.contest == Contest::Row && site.pattern.reference_ties)
      return above_row_threshold(site, score, part >= 1 ? share : now).t();
    return site.best(score, now).t();
  }

  /// n:m begins dense: the n largest of each m stay whatever their size, of the rest the lowest of
  /// the layer go.
  static Tensor rising_nm(const Site& site, const Tensor& score, double now) {
    const auto stays = site.best(score);
    auto rest = score.masked_fill(stays, std::numeric_limits<float>::infinity());
    if (site.layer.mask.defined())
      rest = rest.masked_fill(~site.layer.mask, -std::numeric_limits<float>::infinity());
    if (!site.pattern.reference_ties) return stays | select(rest, Contest::Layer, now);
    const auto index = std::min(removed_weights(rest.numel(), now), rest.numel() - 1);
    return rest >= std::get<0>(at::kthvalue(rest.flatten(), index + 1));
  }

  /// Everything up from the entry of rank int(I s) of its row.
  static Tensor above_row_threshold(const Site& site, const Tensor& score, double share) {
    const auto index = std::min(removed_weights(score.size(1), share), score.size(1) - 1);
    const auto threshold = std::get<0>(at::sort(score, 1)).slice(1, index, index + 1);
    const auto kept = score >= threshold;
    return site.layer.mask.defined() ? kept & site.layer.mask : kept;
  }

  double damping_, rho_;
  int64_t iterations_, choosing_;
  std::string ramp_;
};

BENCH_REGISTER(Update, AdmmGrad, "admm_grad",
               .doc = "ADMM between the layer's output and the mask, which it chooses itself",
               .source = "Boza 2024, arXiv 2401.02938", .year = 2024,
               .data = About::Data::Unlabelled);

}  // namespace
}  // namespace bench
