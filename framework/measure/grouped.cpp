#include "measure/grouped.h"

#include <algorithm>

#include "measure/normalize.h"

namespace bench {

Schema Grouping::schema(const char* normalizer) {
  return {key("members", "mean", "how a unit's values are reduced over the coupled layers")
              .one_of({"mean", "sum", "max", "prod", "first", "last"}),
          key("normalizer", normalizer, "how scores of a group become comparable with others")
              .one_of(normalizers()),
          sentinel_key()};
}

Grouping::Grouping(const Config& c)
    : Grouping(c.get<std::string>("members"), c.get<std::string>("normalizer"),
               c.get<double>("sentinel")) {}

Grouping::Grouping(std::string members, std::string normalizer, double sentinel)
    : members_(std::move(members)), normalizer_(std::move(normalizer)), sentinel_(sentinel) {}

Tensor Grouping::reduce(const Group& group, const std::vector<Tensor>& members) const {
  if (members.empty()) fail("{}: nothing in it has a value for this criterion", group.name);
  const bool last = members_ == "last";
  const auto reduced = last ? reduce_members(group, {members.back()}, "sum")
                            : reduce_members(group, members, members_);
  return normalized(reduced, normalizer_, sentinel_);
}

Tensor Grouping::channels(const Group& g, const Slice& s, const Tensor& along) const {
  if (s.unit >= 0 || (members_ != "max" && members_ != "prod")) return g.to_channels(s, along);
  const int64_t each = s.dim == Slice::In ? s.layer->columns_per_channel() : 1;
  const int64_t fold = s.width / (g.unit_width * each);
  const auto all = along.narrow(0, s.begin, s.stretches * s.width * g.units)
                       .reshape({s.stretches, g.units, fold, g.unit_width, each})
                       .sum(4)
                       .permute({0, 2, 1, 3})
                       .reshape({s.stretches * fold, -1});
  return members_ == "max" ? all.amax(0) : all.prod(0);
}

Tensor power(const Tensor& t, int64_t p) {
  return p == 1 ? t.abs() : p == 2 ? t.square() : t.abs().pow(p);
}

namespace {

/// A norm's shift: nothing else of a group is an unnamed vector that is zeroed when masked, but the
/// biases of its own layers.
bool is_shift(const Group& group, const Follower& f) {
  return f.kind == Follower::Affine && f.name.empty() && f.values->defined() &&
         f.values->dim() == 1 &&
         std::none_of(group.slices.begin(), group.slices.end(),
                      [&](const Slice& s) { return f.values == &s.layer->bias; });
}

}  // namespace

std::vector<Tensor> norm_members(const Grouping& how, const Group& group, int64_t p, bool bias) {
  std::vector<Tensor> all;
  const auto slices = group.rooted();
  for (size_t i = 0; i < std::max<size_t>(slices.size(), 1); ++i) {
    if (i < slices.size()) {
      const auto& s = slices[i];
      const auto sums = power(s.layer->matrix(), p).sum(1 - s.dim, false, at::kDouble);
      all.push_back(how.channels(group, s, sums));
      if (bias && s.dim == Slice::Out && s.layer->bias.defined())
        all.push_back(how.channels(group, s, power(s.layer->bias, p).to(at::kDouble)));
    }
    if (i > 0) continue;
    for (const auto& f : group.followers)
      if (!f.name.empty() || (bias && is_shift(group, f)))
        all.push_back(follower_channels(f, power(*f.values, p)));
  }
  return all;
}

}  // namespace bench
