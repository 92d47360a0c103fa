// Filter norm (Li et al. 2017, arXiv 1608.08710): the sum of |W| of the filter that writes a
// channel; the mean over the writers where layers are coupled.
#include "core/criterion.h"

namespace bench {
namespace {

class L1Filter : public Criterion {
 public:
  void check(const Pattern& p) const override {
    if (p.kind != Pattern::Structured)
      fail("l1_filter ranks whole filters; it needs a structured pattern, e.g. pattern=channels");
  }
  Tensor score(const View& view, const Stats&) const override {
    return view.weight.abs().sum(1, true).expand_as(view.weight);
  }
  Tensor units(const Group& group, const Stats& stats) const override {
    std::vector<Tensor> members;
    for (const auto& s : group.slices)
      if (s.dim == Slice::Out)
        members.push_back(member_channels(group, s, View(*s.layer).weight.abs()));
    if (members.empty()) return Criterion::units(group, stats);
    return reduce_members(group, members, "mean");
  }
};

BENCH_REGISTER(Criterion, L1Filter, "l1_filter", "l1 norm of the filter that writes a channel");

}  // namespace
}  // namespace bench
