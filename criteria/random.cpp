// Random scores from the addressable stream (mini_llm.md 2.5, purpose 3): the same on every device.
#include "core/criterion.h"
#include "kernels/philox.h"

namespace bench {
namespace {

class Random : public Criterion {
 public:
  static Schema schema() { return {key("seed", 42, "base seed of the stream").at_least(0)}; }
  explicit Random(const Config& c) : seed_(static_cast<uint64_t>(c.get<int64_t>("seed"))) {}

  Tensor score(const View& view, const Stats&) const override {
    const auto& l = view.layer;
    const auto all = uniform(l.weight_name(), l.weight.numel()).reshape({l.rows(), l.columns()});
    return all.slice(1, view.begin, view.end).to(view.weight.device());
  }

  Tensor units(const Group& group, const Stats&) const override {
    // The channels of a group are numbered by its root: k_proj, not q_proj, where queries are
    // grouped.
    const Layer* root = group.slices.front().layer;
    for (const auto& s : group.slices)
      if (s.dim == Slice::Out && s.width < group.slices.front().width &&
          group.slices.front().dim == Slice::Out && s.width == group.unit_width)
        root = s.layer;
    return uniform(root->weight_name(), group.channels())
        .reshape({group.units, group.unit_width})
        .sum(1);
  }

 private:
  Tensor uniform(const std::string& name, int64_t count) const {
    auto u = at::empty({count}, at::kDouble);
    kernels::fill_uniform({seed_, kernels::fnv1a(name), kernels::Purpose::RandomCriterion}, 0,
                          count, u.mutable_data_ptr<double>());
    return u;
  }
  uint64_t seed_;
};

BENCH_REGISTER(Criterion, Random, "random", .doc = "uniform scores from an addressable stream",
               .source = "PruneBench", .year = 2026, .how = About::How::Fixed);

}  // namespace
}  // namespace bench
