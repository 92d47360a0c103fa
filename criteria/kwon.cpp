// "A fast post-training pruning framework for Transformers" (Kwon et al. 2022, arXiv 2204.09656;
// WoosukKwon/retraining-free-pruning@806ac5a): heads and neurons by the Fisher information of their
// masks, searched under a budget of MACs (allocator kwon), rearranged within each layer, rescaled
// by least squares (update kwon_rescale). All three read measure/unit_masks.h.
#include "core/allocator.h"
#include "core/criterion.h"
#include "core/update.h"
#include "measure/unit_masks.h"

namespace bench {
namespace {

Schema mask_schema() {
  return {key("batch", 32, "samples a mini-batch, whose mean loss gives one gradient")
              .at_least(1)
              .in("samples"),
          key("length", 0, "sequence length that MACs are counted for; 0: the data's mean")
              .at_least(0)
              .in("tokens")};
}

/// Settings that the three share.
struct MaskSettings {
  explicit MaskSettings(const Config& c)
      : batch(c.get<int64_t>("batch")), length(c.get<int64_t>("length")) {}
  StatisticKind kind(bool scaled) const { return need<UnitMasks>(batch, length, int(scaled)); }
  int64_t batch, length;
};

const UnitMasks& found_for(const Group& group, const Stats& stats, const StatisticKind& kind) {
  return stats.get<UnitMasks>(*group.slices.front().layer, kind);
}

Accepts heads_and_neurons() {
  return {.weights = false, .nm = false, .units = {"head", "neuron"}};
}

class Kwon : public Criterion {
 public:
  static Schema schema() {
    return mask_schema() +
           Schema{key("rearrange", true,
                      "units that the search removes give way to those of the same layer whose "
                      "gradients cancel")};
  }
  explicit Kwon(const Config& c) : how_(c), rearrange_(c.get<bool>("rearrange")) {}
  Ranks accepts() const override { return {heads_and_neurons()}; }
  Needs needs() const override { return {how_.kind(false)}; }
  /// What stays ranks above what goes, by the Fisher information on either side.
  Tensor units(const Group& group, const Stats& stats) const override {
    const auto& found = found_for(group, stats, how_.kind(false));
    const auto fisher = found.fisher.to(at::kDouble);
    if (!rearrange_) return fisher;
    return fisher / (fisher.max() + 1e-300) + 2 * found.kept.to(at::kDouble);
  }

 private:
  MaskSettings how_;
  bool rearrange_;
};

class KwonSearch : public Allocator {
 public:
  static Schema schema() { return mask_schema(); }
  explicit KwonSearch(const Config& c) : how_(c) {}
  Accepts accepts() const override {
    auto a = heads_and_neurons();
    a.exempt = false;
    a.use = "pattern=heads_neurons";
    return a;
  }
  Needs needs() const override { return {how_.kind(false)}; }
  std::vector<Share> shares(const Split& split) const override {
    std::vector<Share> all;
    for (const auto& p : split.parts) {
      require(p.group != nullptr, "kwon splits a budget over groups");
      const auto& found = found_for(*p.group, split.stats, how_.kind(false));
      const auto gone = p.size - found.searched.sum().item<int64_t>();
      all.push_back({static_cast<double>(gone) / static_cast<double>(p.size), gone});
    }
    return all;
  }

 private:
  MaskSettings how_;
};

class KwonRescale : public Update {
 public:
  static Schema schema() { return mask_schema(); }
  explicit KwonRescale(const Config& c) : how_(c) {}
  Accepts accepts() const override {
    auto a = heads_and_neurons();
    a.input = Input::LabelledText;
    return a;
  }
  Needs needs() const override { return {how_.kind(true)}; }
  void apply(Site& site) const override {
    const Group* group = site.part.group;
    if (!group) fail("{}: kwon_rescale scales units, not single weights", site.layer.name);
    auto w = site.layer.matrix().masked_fill(~site.mask, 0);
    for (const auto& s : group->slices) {
      if (s.layer != &site.layer || s.dim != Slice::In) continue;
      const auto scale = found_for(*group, site.stats, how_.kind(true)).scale;
      w = w * scale.to(w.device()).repeat_interleave(s.width);
    }
    site.layer.set_matrix(w);
  }

 private:
  MaskSettings how_;
};

constexpr const char* kPaper = "Kwon et al. 2022, arXiv 2204.09656";
BENCH_REGISTER(Criterion, Kwon, "kwon",
               .doc = "Fisher information of the masks of heads and neurons, rearranged in a layer",
               .source = kPaper, .year = 2022, .data = About::Data::Labelled);
BENCH_REGISTER(Allocator, KwonSearch, "kwon",
               .doc =
                   "heads and neurons of the largest summed Fisher information for a share of "
                   "the MACs",
               .source = kPaper, .year = 2022, .data = About::Data::Labelled);
BENCH_REGISTER(Update, KwonRescale, "kwon_rescale",
               .doc =
                   "scales of the heads and neurons that stay, by least squares on a milder "
                   "pruned teacher",
               .source = kPaper, .year = 2022, .data = About::Data::Labelled);

}  // namespace
}  // namespace bench
