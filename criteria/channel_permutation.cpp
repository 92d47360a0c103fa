// Channel permutation for n:m (RIA: Zhang et al. 2024, OpenReview Tr0lPx9woF): columns of a layer
// are put into other groups so that n:m retains more. Once as the authors' code does it, on the
// mask of each layer alone (a selection: the network itself is not permuted, so that the mask is
// n:m only in another order of the columns), and once for good: the neurons of an MLP change
// places, in the layers that write them and in the one that reads them, before anything is pruned.
#include "core/selection.h"
#include "core/stage.h"
#include "measure/passes.h"
#include "measure/reallocation.h"

namespace bench {
namespace {

Schema reallocation_schema(bool assign) {
  return {key("assign", assign, "move columns between groups by linear sum assignment after dealing"),
          key("importance", "sum",
              "of a column, by which it is dealt: the sum of its scores, or what pruning single "
              "weights of the layer or of each row retains")
              .one_of({"sum", "layer", "row"}),
          key("share", 0.5, "that this pruning of single weights removes").range(0, 1),
          key("blocks", 1, "parts of the columns that are assigned apart from each other")
              .range(1, 4096)};
}

Reallocation reallocation_of(const Config& c) {
  return {c.get<std::string>("importance"), c.get<double>("share"), c.get<bool>("assign"),
          c.get<int64_t>("blocks")};
}

class Reallocated : public Selection {
 public:
  static Schema schema() { return reallocation_schema(false); }
  explicit Reallocated(const Config& c) : how_(reallocation_of(c)) {}
  Tensor mask(const Tensor& score, Contest contest, Share share) const override {
    return Registry<Selection>::instance().create("threshold")->mask(score, contest, share);
  }
  Tensor nm(const Tensor& score, int64_t keep, int64_t of) const override {
    const auto order = reallocated(score, keep, of, how_).to(score.device());
    const auto there = select_nm_reference(score.index_select(1, order), keep, of);
    return at::empty_like(there).index_copy_(1, order, there);
  }

 private:
  Reallocation how_;
};

/// Neurons in the order in which the layer that reads them retains most; the same function.
class Permute : public Stage {
 public:
  static Schema schema() { return reallocation_schema(true); }
  explicit Permute(const Config& c) : how_(reallocation_of(c)) {}
  Accepts accepts() const override { return {.weights = false, .units = {}, .use = "pattern=2of4"}; }
  bool calibrates() const override { return true; }
  void check(const Method& how) const override {
    if (how.pattern.kind != Pattern::NM)
      fail("stage channel_permutation: an order of columns matters to n:m alone; use pattern=2of4");
  }
  void apply(StageContext& c) const override {
    at::NoGradGuard no_grad;
    const auto groups = c.model.groups("neuron");
    std::vector<Layer*> readers;
    for (const auto& g : groups) readers.push_back(reader(g));
    auto data = c.calibration ? c.calibration() : Calibration();
    const auto needs = c.method.criterion->needs();
    if (!needs.empty()) data.start(c.model);
    const Probe probe{c.model, {0, c.model.block_count()}, data, readers};
    const auto global = collect(probe, needs, Pass::Global);
    const auto stats = collect(probe, needs, Pass::Local, global);
    for (size_t i = 0; i < groups.size(); ++i) {
      const auto score = c.method.criterion->score(View(*readers[i]), *stats);
      const auto& p = c.method.pattern;
      if (score.size(1) != groups[i].units || score.size(1) % p.of != 0) continue;
      reorder(groups[i], reallocated(score, p.keep, p.of, how_));
    }
  }

 private:
  static Layer* reader(const Group& g) {
    for (const auto& s : g.slices)
      if (s.dim == Slice::In) return s.layer;
    fail("{}: no layer reads these neurons", g.name);
  }

  Reallocation how_;
};

constexpr const char* kPaper = "Zhang et al. 2024, OpenReview Tr0lPx9woF";
BENCH_REGISTER(Selection, Reallocated, "ria_reallocation",
               .doc = "n:m in an order of the columns that retains more, each layer its own",
               .source = kPaper, .year = 2024);
BENCH_REGISTER(Stage, Permute, "channel_permutation",
               .doc = "neurons change places so that n:m retains more of the layer that reads them",
               .source = kPaper, .year = 2024, .data = About::Data::Unlabelled);

}  // namespace
}  // namespace bench
