#include "core/criterion.h"

namespace bench {

Tensor Criterion::score(const View& view, const Stats&) const {
  fail("{}: this criterion scores whole units and has no score of single weights", view.layer.name);
}

Tensor Criterion::units(const Group& group, const Stats& stats) const {
  std::vector<Tensor> members;
  for (const auto& s : group.slices)
    members.push_back(member_channels(group, s, score(View(*s.layer), stats)));
  return reduce_members(group, members, "sum");
}

Tensor member_channels(const Group& group, const Slice& slice, const Tensor& element_scores) {
  const auto along = element_scores.sum(1 - slice.dim, false, at::kDouble);
  return group.to_channels(slice, along);
}

Tensor follower_channels(const Follower& follower, const Tensor& values) {
  std::vector<int64_t> others;
  for (int64_t d = 0; d < values.dim(); ++d)
    if (d != follower.dim) others.push_back(d);
  return others.empty() ? values.to(at::kDouble) : values.sum(others, false, at::kDouble);
}

Tensor reduce_members(const Group& group, const std::vector<Tensor>& members,
                      const std::string& how) {
  const auto all = at::stack(members).to(at::kDouble);  // [members, channels]
  const auto one = [&](int64_t i) {
    if (i >= all.size(0)) fail("{}: has no second member", group.name);
    return all[i];
  };
  const auto reduced = how == "sum"     ? all.sum(0)
                       : how == "mean"  ? all.mean(0)
                       : how == "max"   ? all.amax(0)
                       : how == "prod"  ? all.prod(0)
                       : how == "first" ? one(0)
                                        : one(1);
  return reduced.reshape({group.units, group.unit_width}).sum(1);
}

}  // namespace bench
