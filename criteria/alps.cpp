// ALPS (Meng et al. 2024, arXiv 2406.07831; mazumder-lab/ALPS@8af9e6b alps.py:72-254): ADMM on
// columns of norm one whose penalty grows while the support moves, then conjugate gradients on the
// support that it settled on. It chooses the mask itself, by the size of the scaled weights.
// Chaotic: rounding moves a few percent of the mask from block to block.
#include <algorithm>
#include <cmath>

#include "core/update.h"
#include "measure/statistics.h"

namespace bench {
namespace {

class Alps : public Update {
 public:
  static Schema schema() {
    return {key("ridge", 0.01, "share of the mean of the Hessian's diagonal that is added to it")
                .range(1e-8, 10),
            key("rho", 0.1, "penalty at the start").range(1e-6, 1e6),
            key("iterations", 300, "of ADMM at most").range(1, 100000),
            key("every", 3, "iterations after which the penalty is looked at").range(1, 1000),
            key("settled_from", 30,
                "iterations before a support that hardly moves (3e-4 of what is kept) ends it")
                .range(0, 100000),
            key("cg_steps", 10, "of conjugate gradients on the support").range(0, 10000),
            key("cg_tolerance", 1e-4, "residual of each input, relative, at which they end")
                .range(0, 1)};
  }
  explicit Alps(const Config& c)
      : ridge_(c.get<double>("ridge")),
        rho_(c.get<double>("rho")),
        iterations_(c.get<int64_t>("iterations")),
        every_(c.get<int64_t>("every")),
        settled_(c.get<int64_t>("settled_from")),
        cg_steps_(c.get<int64_t>("cg_steps")),
        cg_tolerance_(c.get<double>("cg_tolerance")) {}

  Accepts accepts() const override {
    return {.units = {}, .leaves_pattern = true, .use = "pattern=unstructured"};
  }
  Needs needs() const override { return {need<InputGram>()}; }

  void apply(Site& site) const override {
    SingleThread alone;
    const auto& gram = site.stats.get<InputGram>(site.layer);
    Problem p;
    p.a = gram.gram * (static_cast<double>(gram.count) / 2);
    p.a.diagonal().add_(ridge_ * p.a.diagonal().mean().item<double>());
    const auto norm = p.a.diagonal().sqrt() + 1e-8;
    p.a = p.a / norm;
    p.a = (p.a.t() / norm).t().contiguous();
    const auto scaled = site.layer.matrix().to(at::kFloat) * norm;
    p.target = scaled.matmul(p.a).t().contiguous();
    p.dense = scaled.t().contiguous();
    auto b = admm(site, p);
    const auto kept = support(site, b);
    b = conjugate_gradients(p, b * kept, kept);
    site.mask = kept.t().contiguous();
    const auto w = b.t() / norm;
    site.layer.set_matrix(w.masked_fill(~site.mask, 0));
  }

 private:
  /// min |X (B - dense)|^2 over B [in, out]; a = X^T X with ones on the diagonal, target = a dense.
  struct Problem {
    Tensor a, dense, target;
  };

  Tensor admm(const Site& site, const Problem& p) const {
    const auto [values, vectors] = at::linalg_eigh(p.a.to(at::kDouble));
    const auto inverse_of = [&, l = values, q = vectors](double rho) {
      return q.matmul((q * (1 / (l + rho))).t()).to(at::kFloat);
    };
    double rho = rho_;
    auto inverse = inverse_of(rho);
    const auto start = p.dense * support(site, p.dense);
    auto b = p.dense, d = start, v = at::zeros_like(b);
    auto before = d == 0;
    const double kept = kept_count(site, p.dense);
    bool grew = false;
    for (int64_t i = 0; i < iterations_; ++i) {
      b = inverse.matmul(p.target - v + rho * d);
      const auto moved = (v + rho * b) / rho;
      d = moved * support(site, moved);
      v = v + rho * (b - d);
      if ((i + 1) % every_ != 0) continue;
      const auto now = d == 0;
      const double change = now.ne(before).sum().item<double>();
      if (change / kept > 0.1 || change / kept > 0.005) {
        grew = true;
        rho *= change / kept > 0.1 ? 1.3 : 1.2;
      } else if (change > 0.5 && grew) {
        rho *= 1.1;
      } else if (change > 0.5) {
        rho /= 5;
        b = p.dense, d = start, v = at::zeros_like(b);
      } else if (grew) {
        break;
      } else {
        rho /= 5;
      }
      before = now;
      rho = std::min(rho, 1e6);
      inverse = inverse_of(rho);
      if (i >= settled_ && change / kept < 0.0003) break;
    }
    return b;
  }

  static double share_of(const Site& site) {
    return site.share.count >= 0
               ? static_cast<double>(site.share.count) / static_cast<double>(site.part.size)
               : site.share.ratio;
  }
  static double kept_count(const Site& site, const Tensor& b) {
    const auto n = static_cast<double>(b.numel());
    return site.pattern.kind == Pattern::NM
               ? n * static_cast<double>(site.pattern.keep) / static_cast<double>(site.pattern.of)
               : std::nearbyint((1 - share_of(site)) * n);
  }

  /// bool [in, out]: what is kept of b by size. tie: reference: as the authors count: round((1 - s)
  /// n) stay; groups of m are cut from the rows end to end, across them where m does not divide
  /// the columns.
  static Tensor support(const Site& site, const Tensor& b) {
    const bool nm = site.pattern.kind == Pattern::NM;
    const auto m = nm ? site.pattern.of : int64_t{1};
    const auto size = -b.square();
    if (!site.pattern.reference_ties || site.layer.mask.defined() || b.numel() % m != 0)
      return site.best(b.t().abs().contiguous()).t();
    if (!nm) {
      if (site.contest == Contest::Row) return site.best(b.t().abs().contiguous()).t();
      const auto gone = b.numel() - static_cast<int64_t>(kept_count(site, b));
      const auto lowest = std::get<1>(at::topk(size.flatten(), gone));
      return at::ones({b.numel()}, b.options().dtype(at::kBool))
          .index_fill_(0, lowest, false)
          .reshape(b.sizes());
    }
    const auto groups = size.t().reshape({-1, m});
    const auto lowest = std::get<1>(at::topk(groups, m - site.pattern.keep, 1));
    return at::ones(groups.sizes(), b.options().dtype(at::kBool))
        .scatter_(1, lowest, false)
        .reshape({b.size(1), b.size(0)})
        .t();
  }

  /// Column by column of x [in, out], on its support; ends when every input's residual, what is
  /// pruned included, is small.
  Tensor conjugate_gradients(const Problem& p, Tensor x, const Tensor& kept) const {
    auto r = (p.target - p.a.matmul(x)) * kept;
    const auto small = p.target.norm(2, 1) * cg_tolerance_;
    Tensor direction, last;  // last: r.r of the step before
    const auto no_zero = [](const Tensor& t) { return t.masked_fill(t == 0, 1e-8); };
    for (int64_t k = 0; k < cg_steps_; ++k) {
      const auto square = (r * r).sum(0);
      direction = k == 0 ? r : r + (square / no_zero(last)).unsqueeze(0) * direction;
      last = square;
      const auto image = p.a.matmul(direction);
      const auto step = square / no_zero((direction * image).sum(0));
      x = x + step.unsqueeze(0) * direction;
      r = (r - step.unsqueeze(0) * image) * kept;
      if (((p.a.matmul(x) - p.target).norm(2, 1) <= small).all().item<bool>()) break;
    }
    return x;
  }

  double ridge_, rho_;
  int64_t iterations_, every_, settled_, cg_steps_;
  double cg_tolerance_;
};

BENCH_REGISTER(Update, Alps, "alps",
               .doc = "ADMM with a growing penalty, then conjugate gradients on its support",
               .source = "Meng et al. 2024, arXiv 2406.07831", .year = 2024,
               .data = About::Data::Unlabelled);

}  // namespace
}  // namespace bench
