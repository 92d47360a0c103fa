// SparseSwaps (2025, arXiv 2512.10922; written from its abstract: the repository holds a README
// only). With u the row's pruned weights and G = X^T X, the row's error is u^T G u. Letting kept p
// go for pruned q changes it by 2 (w_p r_p - w_q r_q) + w_p^2 G_pp + w_q^2 G_qq - 2 w_p w_q G_pq,
// r = G u: the best exchange is taken until none helps. Exact, on the Gram matrix; weights stay.
#include <limits>

#include "core/update.h"
#include "measure/statistics.h"

namespace bench {
namespace {

class SparseSwaps : public Update {
 public:
  static Schema schema() {
    return {key("swaps", 100, "exchanges a row at most").range(0, 1000000).in("swaps"),
            key("gain", 0.0, "an exchange must lower the row's error by more than this share of it")
                .range(0, 1)};
  }
  explicit SparseSwaps(const Config& c)
      : swaps_(c.get<int64_t>("swaps")), gain_(c.get<double>("gain")) {}

  Accepts accepts() const override { return {.units = {}, .use = "pattern=unstructured"}; }
  Needs needs() const override { return {need<InputGram>()}; }

  void apply(Site& site) const override {
    SingleThread alone;
    const auto gram = site.stats.get<InputGram>(site.layer).gram.to(at::kCPU, at::kDouble);
    const auto w = site.layer.matrix().to(at::kCPU, at::kDouble);
    auto mask = site.mask.to(at::kCPU).clone();
    const auto free = site.layer.mask.defined() ? site.layer.mask.to(at::kCPU)
                                                : at::ones(mask.sizes(), at::kBool);
    const int64_t m = site.pattern.kind == Pattern::NM ? site.pattern.of : 0;
    for (int64_t i = 0; i < w.size(0); ++i) {
      auto row = mask[i];
      exchange(w[i], gram, row, free[i], m);
    }
    site.mask = mask.to(site.mask.device());
    site.layer.set_matrix(site.layer.matrix().masked_fill(~site.mask, 0));
  }

 private:
  /// free: what was there before this step; m > 0: exchanges stay inside groups of m columns.
  void exchange(const Tensor& w, const Tensor& gram, Tensor& kept, const Tensor& free,
                int64_t m) const {
    auto residual = gram.mv(w.masked_fill(kept, 0));
    const auto own = w.square() * gram.diagonal();
    for (int64_t n = 0; n < swaps_; ++n) {
      const auto p = kept.nonzero().squeeze(1);
      const auto q = (kept.logical_not() & free).nonzero().squeeze(1);
      if (p.numel() == 0 || q.numel() == 0) return;
      const auto wp = w.index_select(0, p), wq = w.index_select(0, q);
      const auto goes = 2 * wp * residual.index_select(0, p) + own.index_select(0, p);
      const auto comes = own.index_select(0, q) - 2 * wq * residual.index_select(0, q);
      auto change = goes.unsqueeze(1) + comes.unsqueeze(0) -
                    2 * wp.unsqueeze(1) * wq.unsqueeze(0) *
                        gram.index_select(0, p).index_select(1, q);
      if (m > 0) {
        const auto apart = p.floor_divide(m).unsqueeze(1) != q.floor_divide(m).unsqueeze(0);
        change = change.masked_fill(apart, std::numeric_limits<double>::infinity());
      }
      const auto best = change.argmin().item<int64_t>();
      const auto error = w.masked_fill(kept, 0).dot(residual).item<double>();
      // Rounding must not let two weights change places for ever.
      const double least = std::max(gain_, 1e-12) * std::abs(error);
      if (!(change.flatten()[best].item<double>() < -least)) return;
      const auto out = p[best / q.numel()].item<int64_t>(),
                 in = q[best % q.numel()].item<int64_t>();
      kept[out] = false;
      kept[in] = true;
      residual += gram[out] * w[out] - gram[in] * w[in];
    }
  }

  int64_t swaps_;
  double gain_;
};

BENCH_REGISTER(Update, SparseSwaps, "sparseswaps",
               .doc = "exchanges kept and pruned weights of a row while the exact error falls",
               .source = "SparseSwaps 2025, arXiv 2512.10922", .year = 2025,
               .data = About::Data::Unlabelled, .how = About::How::Searched);

}  // namespace
}  // namespace bench
