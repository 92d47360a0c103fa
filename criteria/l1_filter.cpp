// Filter norms (Li et al. 2017, arXiv 1608.08710; He et al. 2018, arXiv 1808.06866): l1 or l2 of
// the filter that writes a channel; the mean over the writers where layers are coupled.
#include "core/criterion.h"

namespace bench {
namespace {

/// Whole filters.
Ranks filters() {
  return {{.weights = false, .nm = false}};
}

template <bool kSquares>
class FilterNorm : public Criterion {
 public:
  Ranks accepts() const override { return filters(); }
  Tensor score(const View& view, const Stats&) const override {
    const auto sums = power(view.weight).sum(1, true);
    return (kSquares ? sums.sqrt() : sums).expand_as(view.weight);
  }
  Tensor units(const Group& group, const Stats& stats) const override {
    std::vector<Tensor> members;
    for (const auto& s : group.slices)
      if (s.dim == Slice::Out)
        members.push_back(norm(member_channels(group, s, power(s.layer->matrix()))));
    if (members.empty()) return Criterion::units(group, stats);
    return reduce_members(group, members, "mean");
  }

 private:
  static Tensor power(const Tensor& w) { return kSquares ? w.square() : w.abs(); }
  static Tensor norm(const Tensor& sums) { return kSquares ? sums.sqrt() : sums; }
};
using L1Filter = FilterNorm<false>;
using L2Filter = FilterNorm<true>;  // SFP (He et al. 2018, arXiv 1808.06866)

BENCH_REGISTER(Criterion, L1Filter, "l1_filter",
               .doc = "l1 norm of the filter that writes a channel",
               .source = "Li et al. 2017, arXiv 1608.08710", .year = 2017);
BENCH_REGISTER(Criterion, L2Filter, "l2_filter",
               .doc = "l2 norm of the filter that writes a channel",
               .source = "He et al. 2018, arXiv 1808.06866", .year = 2018);

}  // namespace
}  // namespace bench
