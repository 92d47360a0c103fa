// ThiNet (Luo, Wu, Lin 2017, arXiv 1707.06342): channels go one after another, each time the one
// without which the outputs of the next layer change least, all that went before it counted in. The
// paper samples ten outputs an image; here all of them count, which their Gram matrix gives in
// closed form (measure/reading_gram.h). Its second half, new weights by least squares, is
// update=least_squares.
#include <limits>

#include "measure/reading_gram.h"
#include "measure/statistics.h"

namespace bench {
namespace {

/// The units in the order in which they go; the first of equals.
std::vector<int64_t> removal_order(const Tensor& gram) {
  const auto k = gram.contiguous();
  const auto n = k.size(0);
  const auto* at = k.const_data_ptr<double>();
  std::vector<double> with(static_cast<size_t>(n), 0);  // sum over those gone of k[unit, gone]
  std::vector<bool> gone(static_cast<size_t>(n), false);
  std::vector<int64_t> order;
  for (int64_t step = 0; step < n; ++step) {
    int64_t best = -1;
    double least = std::numeric_limits<double>::infinity();
    for (int64_t u = 0; u < n; ++u) {
      if (gone[static_cast<size_t>(u)]) continue;
      const double more = at[u * n + u] + 2 * with[static_cast<size_t>(u)];
      if (best < 0 || more < least) least = more, best = u;
    }
    gone[static_cast<size_t>(best)] = true;
    order.push_back(best);
    for (int64_t u = 0; u < n; ++u) with[static_cast<size_t>(u)] += at[u * n + best];
  }
  return order;
}

class ThiNet : public Criterion {
 public:
  Ranks accepts() const override {
    return {{.weights = false, .nm = false, .units = {"channel", "neuron", "head"}}};
  }
  Needs needs() const override { return {need<InputGram>()}; }
  /// The place in the order of removal: comparable within a group alone.
  Tensor units(const Group& group, const Stats& stats) const override {
    auto score = at::empty({group.units}, at::kDouble);
    double place = 0;
    for (const auto u : removal_order(reading_gram(group, stats, "thinet"))) score[u] = place++;
    return score;
  }
};

BENCH_REGISTER(Criterion, ThiNet, "thinet",
               .doc = "channels go greedily by what the next layer's outputs lose",
               .source = "Luo et al. 2017, arXiv 1707.06342", .year = 2017,
               .data = About::Data::Unlabelled, .how = About::How::Searched);

}  // namespace
}  // namespace bench
