// Isomorphic pruning (Fang et al. 2024, arXiv 2407.04616; VainF/Torch-Pruning@e80127d
// torch_pruning/pruner/algorithms/base_pruner.py:540-556, 590-640): groups that are coupled alike
// (the same chain of layers and norms, whatever their sizes) form a class, and scores compete
// within it. Of the n units of a class n - int(n (1 - target)) go. Attention loses channels of all
// its heads at once ("head_dim"), and whole heads by a ranking of their own.
#include <map>
#include <set>

#include "core/allocator.h"
#include "measure/pooled.h"

namespace bench {
namespace {

/// How a group is coupled: its kind, and of each layer and weight between them the form and the
/// direction. Sizes are no part of it.
std::string coupling(const Group& g) {
  std::string all = g.kind;
  for (const auto& s : g.slices)
    all += fmt::format(" {}{}", s.dim == Slice::Out ? "out" : "in", s.layer->is_conv() ? "c" : "l");
  for (const auto& f : g.followers)
    if (f.values->defined()) all += fmt::format(" {}{}", int(f.kind), f.values->dim());
  return all;
}

class Isomorphic : public Allocator {
 public:
  static Schema schema() {
    return {key("classes", true,
                "rank within each class of groups that are coupled alike; false: all together"),
            key("round_to", 1, "units that stay in a group are cut to a multiple of it; not heads")
                .at_least(1)
                .in("units"),
            key("heads", -1.0,
                "share of the heads that go, all heads ranked among themselves; -1: the target")
                .range(-1, 1)};
  }
  explicit Isomorphic(const Config& c)
      : classes_(c.get<bool>("classes")),
        round_to_(c.get<int64_t>("round_to")),
        heads_(c.get<double>("heads")) {
    if (heads_ < 0 && heads_ != -1) fail("{}.heads: a share from 0 to 1, or -1", c.path());
  }
  Accepts accepts() const override {
    return {.weights = false,
            .nm = false,
            .exempt = false,
            .authors_ties = false,
            .depth = false,
            .use = "allocator=global"};
  }
  bool wants_scores() const override { return true; }
  std::vector<Share> shares(const Split& split) const override {
    std::map<std::string, std::vector<size_t>> classes;
    for (size_t i = 0; i < split.parts.size(); ++i) classes[class_of(split.parts[i])].push_back(i);
    std::vector<int64_t> all(split.parts.size(), 0);
    for (const auto& [_, members] : classes) {
      const bool heads = is_head(split.parts[members.front()]);
      const double target = heads && heads_ >= 0 ? heads_ : split.target;
      int64_t total = 0;
      for (const auto i : members) total += split.parts[i].size;
      const auto stay = static_cast<int64_t>(static_cast<double>(total) * (1 - target));
      const ScoreOf score = [&](size_t k) {
        return split.scores.of(members[k]).detach().to(at::kCPU, at::kFloat).flatten();
      };
      const auto gone = lowest_of_all(members.size(), score, total - stay);
      for (size_t k = 0; k < members.size(); ++k)
        all[members[k]] = heads ? gone[k] : rounded(split.parts[members[k]], gone[k]);
    }
    return kept_whole(split.parts, std::move(all));
  }

 private:
  static bool is_head(const Part& part) { return part.kind == "head"; }
  std::string class_of(const Part& part) const {
    if (is_head(part)) return "heads";
    return classes_ && part.group ? coupling(*part.group) : "";
  }

  /// What stays is counted in channels of the layer: a channel of all heads is as many of those.
  int64_t rounded(const Part& part, int64_t gone) const {
    if (gone == 0) return 0;
    int64_t channels = part.size;
    if (part.kind == "head_dim")
      for (const auto& s : part.group->slices)
        if (s.dim == Slice::In) channels = part.size * s.stretches;
    const auto stay = channels - gone;
    return std::min(channels - (stay - stay % round_to_), part.size);
  }

  /// A group of which everything would go stays whole (Torch-Pruning's check_pruning_group); heads
  /// and their channels are one group there.
  static std::vector<Share> kept_whole(const std::vector<Part>& parts, std::vector<int64_t> gone) {
    const auto attention = [](const Part& p) { return is_head(p) || p.kind == "head_dim"; };
    std::set<int64_t> whole;
    std::vector<Share> all;
    for (size_t i = 0; i < parts.size(); ++i) {
      if (gone[i] <= parts[i].size - parts[i].at_least) continue;
      if (attention(parts[i])) whole.insert(parts[i].block);
      gone[i] = 0;
    }
    for (size_t i = 0; i < parts.size(); ++i) {
      if (attention(parts[i]) && whole.contains(parts[i].block)) gone[i] = 0;
      const auto size = static_cast<double>(std::max<int64_t>(parts[i].size, 1));
      all.push_back({static_cast<double>(gone[i]) / size, gone[i]});
    }
    return all;
  }

  bool classes_;
  int64_t round_to_;
  double heads_;
};

BENCH_REGISTER(Allocator, Isomorphic, "isomorphic",
               .doc = "units compete with those of groups that are coupled alike",
               .source = "Fang et al. 2024, arXiv 2407.04616", .year = 2024);

}  // namespace
}  // namespace bench
