// Isomorphic pruning (Fang et al. 2024, arXiv 2407.04616; VainF/Torch-Pruning@e80127d
// torch_pruning/pruner/algorithms/base_pruner.py:540-556, 590-640): groups that are coupled alike
// (the same chain of layers and norms, whatever their sizes) form a class, and scores compete
// within it. Of the n units of a class n - int(n (1 - target)) go.
#include <map>

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
            key("round_to", 1, "units that stay in a group are cut to a multiple of it")
                .at_least(1)
                .in("units")};
  }
  explicit Isomorphic(const Config& c)
      : classes_(c.get<bool>("classes")), round_to_(c.get<int64_t>("round_to")) {}
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
    for (size_t i = 0; i < split.parts.size(); ++i) {
      const auto* group = split.parts[i].group;
      classes[classes_ && group ? coupling(*group) : ""].push_back(i);
    }
    std::vector<Share> all(split.parts.size());
    for (const auto& [_, members] : classes) {
      int64_t total = 0;
      for (const auto i : members) total += split.parts[i].size;
      const auto stay = static_cast<int64_t>(static_cast<double>(total) * (1 - split.target));
      const ScoreOf score = [&](size_t k) {
        return split.scores.of(members[k]).detach().to(at::kCPU, at::kFloat).flatten();
      };
      const auto gone = lowest_of_all(members.size(), score, total - stay);
      for (size_t k = 0; k < members.size(); ++k)
        all[members[k]] = share_of(split.parts[members[k]], gone[k]);
    }
    return all;
  }

 private:
  Share share_of(const Part& part, int64_t gone) const {
    const auto stay = part.size - gone;
    if (gone > 0) gone = part.size - (stay - stay % round_to_);
    gone = std::min(gone, part.size - part.at_least);
    return {static_cast<double>(gone) / static_cast<double>(part.size), gone};
  }

  bool classes_;
  int64_t round_to_;
};

BENCH_REGISTER(Allocator, Isomorphic, "isomorphic",
               .doc = "units compete with those of groups that are coupled alike",
               .source = "Fang et al. 2024, arXiv 2407.04616", .year = 2024);

}  // namespace
}  // namespace bench
