// Filter pruning via geometric median (He et al. 2019, arXiv 1811.00250): the filter whose summed
// distance to the others is smallest is the most replaceable
// (he-y/filter-pruning-geometric-median@44fbab4 pruning_cifar10.py get_filter_similar).
#include "measure/grouped.h"

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
    return Schema{key("form", "filter",
                      "filter: the filters that write a channel; group: all coupled layers on "
                      "|w|^p, as Torch-Pruning does")
                      .one_of({"filter", "group"}),
                  key("p", 2, "form=group: distances are taken between |w|^p").range(1, 8),
                  key("set_aside", 0.0,
                      "form=filter: this share of a layer's filters, those of smallest l2 norm, "
                      "stays and is no other filter's neighbour (1 - the authors' compress_rate)")
                      .range(0, 1)} +
           Grouping::schema("none");
  }
  explicit Fpgm(const Config& c)
      : how_(c),
        group_(c.get<std::string>("form") == "group"),
        p_(c.get<int64_t>("p")),
        aside_(c.get<double>("set_aside")) {}
  /// Not experts, of whose matrices one unit owns all.
  Ranks accepts() const override {
    return {{.weights = false,
             .nm = false,
             .units = {"channel", "head", "neuron", "hidden", "attention", "mlp", "block"}}};
  }
  Tensor score(const View& view, const Stats&) const override {
    return of_filters(view.weight).unsqueeze(1).expand_as(view.weight).to(at::kFloat);
  }
  Tensor units(const Group& group, const Stats&) const override {
    std::vector<Tensor> all;
    for (const auto& s : group.rooted()) {
      if (!group_ && s.dim != Slice::Out) continue;
      all.push_back(distances(group, s));
    }
    if (all.empty()) fail("{}: no layer writes its units, so fpgm cannot rank them", group.name);
    return how_.reduce(group, all);
  }

 private:
  /// [n, d] -> [n]. Those set aside rank above all others, by their norms.
  Tensor of_filters(const Tensor& filters) const {
    const auto n = filters.size(0);
    const auto aside = static_cast<int64_t>(static_cast<double>(n) * aside_);
    if (aside == 0) return distance_sums(filters);
    const auto norms = at::linalg_vector_norm(filters, 2, at::IntArrayRef{1});
    const auto order = std::get<1>(norms.sort(true, 0, false));
    const auto rest = order.slice(0, aside);
    auto out = at::zeros({n}, at::kDouble);
    if (rest.numel() > 0) out.index_copy_(0, rest, distance_sums(filters.index_select(0, rest)));
    const auto above = out.max() + 1 + at::arange(aside, out.options());
    return out.index_copy_(0, order.slice(0, 0, aside), above);
  }

  /// Distances of a slice's rows or input channels, added up where several stand for one channel.
  Tensor distances(const Group& g, const Slice& s) const {
    const auto& l = *s.layer;
    const auto m = l.matrix();
    auto w = s.dim == Slice::Out
                 ? m
                 : m.reshape({l.rows(), -1, l.columns_per_channel()}).permute({1, 0, 2}).flatten(1);
    const auto sums = group_ ? distance_sums(power(w, p_)) : of_filters(w);
    return s.dim == Slice::Out || l.columns_per_channel() == 1
               ? how_.channels(g, s, sums)
               : how_.channels(g, s, spread(sums, l.columns_per_channel()));
  }
  /// One value a channel -> one value a column, the sum over a channel's columns unchanged.
  static Tensor spread(const Tensor& per_channel, int64_t columns) {
    auto all = at::zeros({per_channel.numel(), columns}, per_channel.options());
    all.select(1, 0).copy_(per_channel);
    return all.flatten();
  }

  Grouping how_;
  bool group_;
  int64_t p_;
  double aside_;
};

BENCH_REGISTER(Criterion, Fpgm, "fpgm",
               .doc = "summed distance to the other filters (geometric median)",
               .source = "He et al. 2019, arXiv 1811.00250", .year = 2019);

}  // namespace
}  // namespace bench
