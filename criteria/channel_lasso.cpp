// Channel pruning by a lasso (He, Zhang, Sun 2017, arXiv 1707.06168; "CP"): the outputs of the next
// layer are regressed on the parts that its input channels bring, under an l1 penalty on their
// coefficients; the penalty grows until few enough channels are left. With K the Gram matrix of the
// parts (measure/reading_gram.h) that is min 1/2 b^T K b - b^T K 1 + lambda |b|_1. A unit's score
// is the largest penalty of a geometric path under which its coefficient is not zero. New weights
// by least squares, the paper's second step, are update=least_squares.
#include <cmath>

#include "measure/reading_gram.h"
#include "measure/statistics.h"

namespace bench {
namespace {

/// Coordinate descent from `b` on; K [n, n], target K 1.
void descend(const double* k, const std::vector<double>& target, int64_t n, double lambda,
             int64_t sweeps, std::vector<double>& b) {
  std::vector<double> kb(static_cast<size_t>(n), 0);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j)
      kb[static_cast<size_t>(i)] += k[i * n + j] * b[static_cast<size_t>(j)];
  for (int64_t sweep = 0; sweep < sweeps; ++sweep) {
    double moved = 0, largest = 0;
    for (int64_t i = 0; i < n; ++i) {
      const double diagonal = k[i * n + i];
      auto& mine = b[static_cast<size_t>(i)];
      if (diagonal <= 0) {
        mine = 0;  // a channel that is always zero brings nothing
        continue;
      }
      const auto at = static_cast<size_t>(i);
      const double pull = target[at] - kb[at] + diagonal * mine;
      const double size = std::max(std::abs(pull) - lambda, 0.0) / diagonal;
      const double now = pull < 0 ? -size : size, by = now - mine;
      largest = std::max(largest, std::abs(now));
      if (by == 0) continue;
      moved = std::max(moved, std::abs(by));
      mine = now;
      for (int64_t j = 0; j < n; ++j) kb[static_cast<size_t>(j)] += k[j * n + i] * by;
    }
    if (moved <= 1e-6 * largest) return;
  }
}

class ChannelLasso : public Criterion {
 public:
  static Schema schema() {
    return {key("steps", 100,
                "penalties of the path, from the one under which nothing is left down "
                "to a thousandth of it")
                .range(2, 10000),
            key("sweeps", 200, "passes over the coefficients at each, at most").range(1, 100000)};
  }
  explicit ChannelLasso(const Config& c)
      : steps_(c.get<int64_t>("steps")), sweeps_(c.get<int64_t>("sweeps")) {}
  Ranks accepts() const override {
    return {{.weights = false, .nm = false, .units = {"channel", "neuron", "head"}}};
  }
  Needs needs() const override { return {need<InputGram>()}; }
  Tensor units(const Group& group, const Stats& stats) const override {
    const auto k = reading_gram(group, stats, "channel_lasso").contiguous();
    const auto n = k.size(0);
    const auto* at = k.const_data_ptr<double>();
    const auto sums = k.sum(1);
    std::vector<double> target(sums.const_data_ptr<double>(), sums.const_data_ptr<double>() + n);
    double highest = 0;
    for (const double t : target) highest = std::max(highest, std::abs(t));
    auto score = at::zeros({n}, at::kDouble);
    std::vector<double> b(static_cast<size_t>(n), 0);
    const double step = std::pow(1e-3, 1.0 / static_cast<double>(steps_ - 1));
    double lambda = highest;
    for (int64_t s = 0; s < steps_ && highest > 0; ++s, lambda *= step) {
      descend(at, target, n, lambda, sweeps_, b);
      for (int64_t u = 0; u < n; ++u) {
        const double size = std::abs(b[static_cast<size_t>(u)]);
        // Of those that come in under the same penalty the larger coefficient counts for more.
        if (size > 0 && score[u].item<double>() == 0)
          score[u] = lambda / highest * (1 + 1e-3 * size / (1 + size));
      }
    }
    return score;
  }

 private:
  int64_t steps_, sweeps_;
};

BENCH_REGISTER(Criterion, ChannelLasso, "channel_lasso",
               .doc = "a lasso of the next layer's outputs on what each channel brings (CP)",
               .source = "He et al. 2017, arXiv 1707.06168", .year = 2017,
               .data = About::Data::Unlabelled, .how = About::How::Searched);

}  // namespace
}  // namespace bench
