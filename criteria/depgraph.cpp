// Group importance of DepGraph (Fang et al. 2023, arXiv 2301.12900; VainF/Torch-Pruning@e80127d,
// torch_pruning/pruner/importance.py:58-268, :296, :411): every layer that a unit touches gives one
// value, the values are reduced over the members, then put on a common scale.
#include <algorithm>

#include "core/criterion.h"
#include "measure/normalize.h"
#include "measure/statistics.h"

namespace bench {
namespace {

Schema group_schema(const char* normalizer = "mean") {
  return {key("members", "mean", "how a unit's values are reduced over the coupled layers")
              .one_of({"mean", "sum", "max", "prod", "first"}),
          key("normalizer", normalizer, "how scores of a group become comparable with others")
              .one_of(normalizers())};
}

class Grouped : public Criterion {
 public:
  explicit Grouped(const Config& c)
      : members_(c.get<std::string>("members")), normalizer_(c.get<std::string>("normalizer")) {}
  Ranks accepts() const override { return {{.weights = false, .nm = false}}; }
  Tensor units(const Group& group, const Stats& stats) const override {
    auto all = members(group, stats);
    if (all.empty()) fail("{}: nothing in it has a value for this criterion", group.name);
    return normalized(reduce_members(group, all, members_), normalizer_);
  }

 protected:
  /// A vector along a slice's dim -> [channels]. Where several of its rows or columns stand for one
  /// channel (a flattened map), they are members of their own: max and prod go over them too.
  Tensor channels_of(const Group& g, const Slice& s, const Tensor& along) const {
    if (members_ != "max" && members_ != "prod") return g.to_channels(s, along);
    const int64_t each = s.dim == Slice::In ? s.layer->columns_per_channel() : 1;
    const int64_t fold = s.width / (g.unit_width * each);
    const auto all = along.reshape({s.stretches, g.units, fold, g.unit_width, each})
                         .sum(4)
                         .permute({0, 2, 1, 3})
                         .reshape({s.stretches * fold, -1});
    return members_ == "max" ? all.amax(0) : all.prod(0);
  }

  /// Values [channels] of each member; the layer that writes the units (the root) first.
  virtual std::vector<Tensor> members(const Group& group, const Stats& stats) const {
    const auto slices = group.rooted();
    std::vector<Tensor> all;
    for (const auto& s : slices)
      all.push_back(reduce_elements(group, s, score(View(*s.layer), stats)));
    return all;
  }
  virtual Tensor reduce_elements(const Group& g, const Slice& s, const Tensor& elements) const {
    return channels_of(g, s, elements.sum(1 - s.dim, false, at::kDouble));
  }
  std::string members_, normalizer_;
};

/// |w|^p summed over a unit's weights; batch norms count with |gamma|^p.
class GroupNorm : public Grouped {
 public:
  static Schema schema() {
    return group_schema() +
           Schema{key("p", 2, "the norm's power").range(1, 2),
                  key("bias", false, "biases of the writing layers are members too")};
  }
  explicit GroupNorm(const Config& c)
      : Grouped(c), p_(c.get<int64_t>("p")), bias_(c.get<bool>("bias")) {}
  Tensor score(const View& view, const Stats&) const override { return power(view.weight); }

 protected:
  std::vector<Tensor> members(const Group& group, const Stats& stats) const override {
    auto all = Grouped::members(group, stats);
    for (const auto& s : group.slices)
      if (bias_ && s.dim == Slice::Out && s.layer->bias.defined())
        all.push_back(channels_of(group, s, power(s.layer->bias).to(at::kDouble)));
    for (const auto& f : group.followers)
      if (!f.name.empty()) all.push_back(follower_channels(f, power(*f.values)));
    return all;
  }

 private:
  Tensor power(const Tensor& t) const { return p_ == 1 ? t.abs() : t.square(); }
  int64_t p_;
  bool bias_;
};

/// Network Slimming (Liu et al. 2017, arXiv 1708.06519): |gamma| of the batch norms of a channel.
class BnGamma : public Grouped {
 public:
  static Schema schema() { return group_schema(); }
  explicit BnGamma(const Config& c) : Grouped(c) {}
  Ranks accepts() const override {
    return {{.weights = false, .nm = false, .units = {"channel"}, .input = Input::Images}};
  }
  Tensor score(const View& view, const Stats&) const override { return view.weight.abs(); }

 protected:
  std::vector<Tensor> members(const Group& group, const Stats&) const override {
    std::vector<Tensor> all;
    for (const auto& f : group.followers)
      if (!f.name.empty()) all.push_back(f.values->abs().to(at::kDouble));
    if (all.empty()) fail("{}: has no batch norm, so bn_gamma cannot rank it", group.name);
    return all;
  }
};

/// First-order Taylor |w g| of the mean loss (Molchanov et al. 2019, arXiv 1906.10771).
class GroupTaylor : public Grouped {
 public:
  static Schema schema() {
    return group_schema() +
           Schema{key("multivariable", false, "|sum of w g| instead of the sum of |w g|")};
  }
  explicit GroupTaylor(const Config& c) : Grouped(c), signed_(c.get<bool>("multivariable")) {}
  Needs needs() const override { return {need<MeanGradient>()}; }
  Tensor score(const View& view, const Stats& stats) const override {
    const auto g = stats.get<MeanGradient>(view.layer).mean.slice(1, view.begin, view.end);
    const auto all = view.weight * g;
    return signed_ ? all : all.abs();
  }

 protected:
  Tensor reduce_elements(const Group& g, const Slice& s, const Tensor& elements) const override {
    const auto sums = Grouped::reduce_elements(g, s, elements);
    return signed_ ? sums.abs() : sums;
  }

 private:
  bool signed_;
};

BENCH_REGISTER(Criterion, GroupNorm, "group_norm",
               .doc = "norm of all weights of a unit (DepGraph)",
               .source = "Fang et al. 2023, arXiv 2301.12900", .year = 2023);
BENCH_REGISTER(Criterion, BnGamma, "bn_gamma", .doc = "|gamma| of a channel's batch norms",
               .source = "Liu et al. 2017, arXiv 1708.06519", .year = 2017);
BENCH_REGISTER(Criterion, GroupTaylor, "group_taylor",
               .doc = "|w g| over all weights of a unit",
               .source = "Molchanov et al. 2019, arXiv 1906.10771", .year = 2019,
               .data = About::Data::Labelled);

}  // namespace
}  // namespace bench
