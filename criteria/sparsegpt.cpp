// SparseGPT (Frantar & Alistarh 2023, arXiv 2301.00774): W^2 / U_ii^2, U the upper Cholesky factor
// of the inverse of the damped Hessian (2/N) X^T X. With `update: obs` and reselect it is the
// published method; the update alone repairs the mask of any criterion
// (sparsegpt/sparsegpt.py:48-138).
#include "measure/column_sweep.h"
#include "measure/statistics.h"

namespace bench {
namespace {

Schema damping_schema() {
  return {key("damping", 0.01, "share of the mean of the Hessian's diagonal that is added to it")
              .range(1e-8, 10)};
}

class SparseGpt : public Criterion {
 public:
  static Schema schema() { return damping_schema(); }
  explicit SparseGpt(const Config& c) : damping_(c.get<double>("damping")) {}

  Needs needs() const override { return {need<InputGram>()}; }
  Tensor score(const View& view, const Stats& stats) const override {
    const auto& gram = stats.get<InputGram>(view.layer);
    const auto u = view.columns(gram.inverse_factor_diagonal(damping_));
    const auto dead = view.columns(gram.dead());
    return (view.weight.to(at::kFloat).square() / u.square()).masked_fill(dead, 0);
  }

 private:
  double damping_;
};

/// Left to right, slab by slab: the error of each removed weight is spread over the columns to its
/// right. Inputs that are always zero lose their whole column, as the authors' code does.
class Obs : public Update {
 public:
  static Schema schema() {
    return damping_schema() +
           Schema{
               key("slab", 128, "columns updated together").range(1, 65536).in("columns"),
               key("reselect", false,
                   "choose each slab's mask on the weights as updated so far (SparseGPT); false: "
                   "keep the criterion's mask")};
  }
  explicit Obs(const Config& c)
      : damping_(c.get<double>("damping")),
        slab_(c.get<int64_t>("slab")),
        reselect_(c.get<bool>("reselect")) {}

  Accepts accepts() const override { return {.slab = slab_, .use = "update.slab"}; }
  Needs needs() const override { return {need<InputGram>()}; }

  void apply(Site& site) const override {
    SingleThread alone;
    const auto& gram = site.stats.get<InputGram>(site.layer);
    const auto u = gram.inverse_factor(damping_);
    auto w = site.layer.matrix().to(at::kFloat).clone();
    w.masked_fill_(gram.dead().unsqueeze(0), 0);
    auto mask = site.mask.clone();
    const bool again = reselect_ && site.pattern.kind != Pattern::Structured;
    const ColumnSweep sweep{u, slab_, again ? &site : nullptr};
    sweep.run(w, mask);
    site.mask = mask;
    site.layer.set_matrix(w);
  }

 private:
  double damping_;
  int64_t slab_;
  bool reselect_;
};

constexpr const char* kPaper = "Frantar and Alistarh 2023, arXiv 2301.00774";
BENCH_REGISTER(Criterion, SparseGpt, "sparsegpt", .doc = "W^2 over the conditional inverse Hessian",
               .source = kPaper, .year = 2023, .data = About::Data::Unlabelled);
BENCH_REGISTER(Update, Obs, "obs",
               .doc = "spreads the error of removed weights over those to their right",
               .source = kPaper, .year = 2023, .data = About::Data::Unlabelled);

}  // namespace
}  // namespace bench
