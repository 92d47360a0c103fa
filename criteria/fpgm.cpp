// Filter pruning via geometric median (He et al. 2019, arXiv 1811.00250): the filter whose summed
// distance to the others is smallest is the most replaceable
// (he-y/filter-pruning-geometric-median@44fbab4 pruning_cifar10.py get_filter_similar).
#include "core/criterion.h"
#include "measure/normalize.h"

namespace bench {
namespace {

/// [n, d] -> [n]: sum of Euclidean distances to all others, float64.
Tensor distance_sums(const Tensor& rows) {
  const auto x = rows.to(at::kDouble);
  auto out = at::empty({x.size(0)}, x.options());
  for (int64_t i = 0; i < x.size(0); ++i) out[i] = (x - x[i]).square().sum(1).sqrt().sum();
  return out;
}

class Fpgm : public Criterion {
 public:
  static Schema schema() {
    return {key("form", "filter",
                "filter: the filters that write a channel; group: all coupled layers on squared "
                "weights, as Torch-Pruning does")
                .one_of({"filter", "group"}),
            key("members", "mean", "how a unit's values are reduced over the coupled layers")
                .one_of({"mean", "sum", "max", "prod", "first"}),
            key("normalizer", "none", "how scores of a group become comparable with others")
                .one_of(normalizers())};
  }
  explicit Fpgm(const Config& c)
      : group_(c.get<std::string>("form") == "group"),
        members_(c.get<std::string>("members")),
        normalizer_(c.get<std::string>("normalizer")) {}
  Ranks accepts() const override { return {{.weights = false, .nm = false}}; }
  Tensor score(const View& view, const Stats&) const override {
    return distance_sums(view.weight).unsqueeze(1).expand_as(view.weight).to(at::kFloat);
  }
  Tensor units(const Group& group, const Stats&) const override {
    std::vector<Tensor> all;
    for (const auto& s : group.rooted()) {
      if (!group_ && s.dim != Slice::Out) continue;
      all.push_back(distances(group, s));
    }
    if (all.empty()) fail("{}: no layer writes its units, so fpgm cannot rank them", group.name);
    return normalized(reduce_members(group, all, members_), normalizer_);
  }

 private:
  /// Distances of a slice's rows or input channels, added up where several stand for one channel.
  Tensor distances(const Group& g, const Slice& s) const {
    const auto& l = *s.layer;
    const auto m = l.matrix();
    auto w = s.dim == Slice::Out
                 ? m
                 : m.reshape({l.rows(), -1, l.columns_per_channel()}).permute({1, 0, 2}).flatten(1);
    const auto sums = distance_sums(group_ ? w.square() : w);
    if (s.dim == Slice::Out) return g.to_channels(s, sums);
    const int64_t fold = s.width / (g.unit_width * l.columns_per_channel());
    return sums.reshape({s.stretches, g.units, fold, g.unit_width})
        .sum(at::IntArrayRef({0, 2}))
        .flatten();
  }
  bool group_;
  std::string members_, normalizer_;
};

BENCH_REGISTER(Criterion, Fpgm, "fpgm",
               .doc = "summed distance to the other filters (geometric median)",
               .source = "He et al. 2019, arXiv 1811.00250", .year = 2019);

}  // namespace
}  // namespace bench
