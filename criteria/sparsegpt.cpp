// SparseGPT (Frantar & Alistarh 2023, arXiv 2301.00774): W^2 / U_ii^2, U the upper Cholesky factor
// of the inverse of the damped Hessian (2/N) X^T X. With `update: obs` and reselect it is the
// published method; the update alone repairs the mask of any criterion
// (sparsegpt/sparsegpt.py:48-138).
#include "core/update.h"
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
    const auto u = view.columns(gram.inverse_factor(damping_).diagonal());
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
    const auto& pattern = site.pattern;
    const auto& gram = site.stats.get<InputGram>(site.layer);
    const auto& u = gram.inverse_factor(damping_);
    auto w = site.layer.matrix().to(at::kFloat).clone();
    w.masked_fill_(gram.dead().unsqueeze(0), 0);
    auto mask = site.mask.clone();
    const bool again = reselect_ && pattern.kind != Pattern::Structured;
    for (int64_t begin = 0; begin < w.size(1); begin += slab_) {
      const int64_t end = std::min(begin + slab_, w.size(1));
      auto slab = w.slice(1, begin, end);
      if (again && pattern.kind == Pattern::Unstructured)
        mask.slice(1, begin, end).copy_(site.choose(slab.clone(), begin, end));
      const auto error =
          sweep(slab, mask.slice(1, begin, end), u.slice(0, begin, end).slice(1, begin, end),
                again && pattern.kind == Pattern::NM ? pattern.of : 0, begin, site);
      if (end < w.size(1)) w.slice(1, end) -= error.mm(u.slice(0, begin, end).slice(1, end));
    }
    site.mask = mask;
    site.layer.set_matrix(w.masked_fill(~mask, 0));
  }

 private:
  /// One slab in place; returns E [out, slab]. group > 0: the mask of every `group` columns is
  /// chosen when the sweep gets there. Transposed copies make a column contiguous.
  static Tensor sweep(Tensor& slab, Tensor mask, const Tensor& u, int64_t group, int64_t begin,
                      const Site& site) {
    auto columns = slab.t().contiguous();  // [slab, out]
    auto keep = mask.t().contiguous();
    auto errors = at::zeros_like(columns);
    const auto diagonal = u.diagonal().cpu().contiguous();
    const float* d = diagonal.const_data_ptr<float>();
    for (int64_t i = 0; i < columns.size(0); ++i) {
      if (group > 0 && i % group == 0) {
        const auto to = std::min(i + group, columns.size(0));
        const auto chosen =
            site.choose(columns.slice(0, i, to).t().contiguous(), begin + i, begin + to);
        keep.slice(0, i, to).copy_(chosen.t());
      }
      const auto w = columns[i];
      auto e = errors[i];
      e.copy_(w.masked_fill(keep[i], 0).div_(static_cast<double>(d[i])));
      if (i + 1 < columns.size(0)) columns.slice(0, i + 1).addr_(u[i].slice(0, i + 1), e, 1, -1);
      columns[i].masked_fill_(keep[i].logical_not(), 0);
    }
    slab.copy_(columns.t());
    mask.copy_(keep.t());
    return errors.t();
  }

  double damping_;
  int64_t slab_;
  bool reselect_;
};

constexpr const char* kPaper = "Frantar and Alistarh 2023, arXiv 2301.00774";
BENCH_REGISTER(Criterion, SparseGpt, "sparsegpt",
               .doc = "W^2 over the conditional inverse Hessian", .source = kPaper, .year = 2023,
               .data = About::Data::Unlabelled);
BENCH_REGISTER(Update, Obs, "obs",
               .doc = "spreads the error of removed weights over those to their right",
               .source = kPaper, .year = 2023, .data = About::Data::Unlabelled);

}  // namespace
}  // namespace bench
