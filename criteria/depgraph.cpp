// Group importance of DepGraph (Fang et al. 2023, arXiv 2301.12900; VainF/Torch-Pruning@e80127d,
// torch_pruning/pruner/importance.py:58-268, :296, :411): every layer that a unit touches gives one
// value, the values are reduced over the members, then put on a common scale.
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/borrowed.h"
#include "measure/grouped.h"
#include "measure/statistics.h"

namespace bench {
namespace {

/// Not experts, of whose matrices one unit owns all.
Ranks coupled() {
  return {
      {.weights = false,
       .nm = false,
       .units = {"channel", "head", "head_dim", "neuron", "hidden", "attention", "mlp", "block"}}};
}

/// |w|^p summed over a unit's weights; norms count with |scale|^p.
class GroupNorm : public Criterion {
 public:
  static Schema schema() {
    return Grouping::schema() +
           Schema{key("p", 2, "the norm's power").range(1, 8),
                  key("bias", false,
                      "biases of the writing layers and shifts of the norms are members too")};
  }
  explicit GroupNorm(const Config& c)
      : how_(c), p_(c.get<int64_t>("p")), bias_(c.get<bool>("bias")) {}
  Ranks accepts() const override { return coupled(); }
  Tensor score(const View& view, const Stats&) const override { return power(view.weight, p_); }
  Tensor units(const Group& group, const Stats&) const override {
    return how_.reduce(group, norm_members(how_, group, p_, bias_));
  }

 private:
  Grouping how_;
  int64_t p_;
  bool bias_;
};

/// Network Slimming (Liu et al. 2017, arXiv 1708.06519): |gamma| of the batch norms of a channel.
class BnGamma : public Criterion {
 public:
  static Schema schema() { return Grouping::schema(); }
  explicit BnGamma(const Config& c) : how_(c) {}
  Ranks accepts() const override {
    return {{.weights = false, .nm = false, .units = {"channel"}, .input = Input::Images}};
  }
  Tensor score(const View& view, const Stats&) const override { return view.weight.abs(); }
  Tensor units(const Group& group, const Stats&) const override {
    std::vector<Tensor> all;
    for (const auto& f : group.followers)
      if (!f.name.empty()) all.push_back(f.values->abs().to(at::kDouble));
    if (all.empty()) fail("{}: has no batch norm, so bn_gamma cannot rank it", group.name);
    return how_.reduce(group, all);
  }

 private:
  Grouping how_;
};

/// Whether a group's norms average over its units. Those of a batch count for nothing in Taylor's
/// form: its branch asks for group norms (importance.py:508).
bool layer_norms(const Group& group) {
  return std::any_of(group.followers.begin(), group.followers.end(),
                     [](const Follower& f) { return f.kind == Follower::Support; });
}

/// Gradients of the mean loss by the named followers of groups with layer norms; held by the root
/// layer of each.
struct FollowerGradient : Statistic {
  static constexpr const char* kName = "follower_gradient";
  static const Pass& pass();
  explicit FollowerGradient(const Layer&) {}
  Values values() const override { return {mean.begin(), mean.end()}; }
  std::map<std::string, Tensor> mean;
};

/// Weights among the followers, each once.
struct Counted {
  const Follower* follower;
  FollowerGradient* found;
};
std::vector<Counted> counted(const Probe& p, Heard<FollowerGradient> heard) {
  std::vector<Counted> all;
  std::set<const Tensor*> seen;
  for (const Group* g : p.groups)
    for (const auto& [layer, found] : heard) {
      if (layer != g->slices.front().layer || !layer_norms(*g)) continue;
      for (const auto& f : g->followers)
        if (!f.name.empty() && !f.embedding && f.values->defined() && seen.insert(f.values).second)
          all.push_back({&f, found});
    }
  return all;
}

void follow_gradients(const Probe& p, Heard<FollowerGradient> heard) {
  const auto all = counted(p, heard);
  if (all.empty()) return;
  at::AutoGradMode grad(true);
  Borrowed borrowed;
  std::vector<Tensor> leaves;
  for (const auto& c : all) leaves.push_back(borrowed.leaf(*c.follower->values));
  double total = 0;
  for (const auto& one : split(p.data.batches)) total += static_cast<double>(predictions(one));
  for (const auto& one : split(p.data.batches)) {
    const auto g = torch::autograd::grad({p.model.loss(one)}, leaves, {}, {}, false, true);
    at::NoGradGuard no_grad;
    for (size_t i = 0; i < all.size(); ++i) {
      if (!g[i].defined()) continue;
      auto& mean = all[i].found->mean[all[i].follower->name];
      const auto more = g[i] * (static_cast<double>(predictions(one)) / total);
      mean = mean.defined() ? mean + more : more;
    }
  }
}

const Pass kFollowers = pass_of<FollowerGradient>(Pass::Global, follow_gradients, Pass::One);
const Pass& FollowerGradient::pass() {
  return kFollowers;
}

/// First-order Taylor |w g| of the mean loss (Molchanov et al. 2019, arXiv 1906.10771).
class GroupTaylor : public Criterion {
 public:
  static Schema schema() {
    return Grouping::schema() +
           Schema{key("multivariable", false, "|sum of w g| instead of the sum of |w g|")};
  }
  explicit GroupTaylor(const Config& c) : how_(c), signed_(c.get<bool>("multivariable")) {}
  Ranks accepts() const override { return coupled(); }
  Needs needs() const override { return {need<MeanGradient>(), need<FollowerGradient>()}; }
  Tensor score(const View& view, const Stats& stats) const override {
    const auto g = stats.get<MeanGradient>(view.layer).mean.slice(1, view.begin, view.end);
    const auto all = view.weight * g;
    return signed_ ? all : all.abs();
  }
  Tensor units(const Group& group, const Stats& stats) const override {
    std::vector<Tensor> all;
    for (const auto& s : group.rooted()) {
      const auto sums = score(View(*s.layer), stats).sum(1 - s.dim, false, at::kDouble);
      const auto channels = how_.channels(group, s, sums);
      all.push_back(signed_ ? channels.abs() : channels);
      if (all.size() == 1 && layer_norms(group)) add_norms(all, group, stats);
    }
    return how_.reduce(group, all);
  }

 private:
  void add_norms(std::vector<Tensor>& all, const Group& group, const Stats& stats) const {
    const auto& found = stats.get<FollowerGradient>(*group.slices.front().layer);
    for (const auto& f : group.followers) {
      const auto it = found.mean.find(f.name);
      if (it == found.mean.end()) continue;  // no weight, or one that another group counted
      const auto product = *f.values * it->second;
      all.push_back(signed_ ? follower_channels(f, product).abs()
                            : follower_channels(f, product.abs()));
    }
  }

  Grouping how_;
  bool signed_;
};

BENCH_REGISTER(Criterion, GroupNorm, "group_norm",
               .doc = "norm of all weights of a unit (DepGraph)",
               .source = "Fang et al. 2023, arXiv 2301.12900", .year = 2023);
BENCH_REGISTER(Criterion, BnGamma, "bn_gamma", .doc = "|gamma| of a channel's batch norms",
               .source = "Liu et al. 2017, arXiv 1708.06519", .year = 2017);
BENCH_REGISTER(Criterion, GroupTaylor, "group_taylor", .doc = "|w g| over all weights of a unit",
               .source = "Molchanov et al. 2019, arXiv 1906.10771", .year = 2019,
               .data = About::Data::Labelled);

}  // namespace
}  // namespace bench
