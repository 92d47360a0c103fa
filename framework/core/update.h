#pragma once
#include "core/allocator.h"
#include "core/criterion.h"

namespace bench {

/// Where an update works: one layer whose mask has been chosen.
struct Site {
  Layer& layer;
  Tensor mask;             // bool, as layer.matrix(): what is kept; an update may put another one
  const Part& part;        // of what the mask is: this layer, or the group that takes slices of it
  const Pattern& pattern;
  Contest contest;         // the method's own: against what a weight competes
  Share share;             // of the part that goes
  const Stats& stats;
  /// Chooses the mask of columns [begin, end) whose weights stand at `weight`, in the method's own
  /// contest and by its selection; `ratio` < 0: the share of the part. A group's mask is given.
  std::function<Tensor(const Tensor& weight, int64_t begin, int64_t end, double ratio)> reselect;

  /// Scores of the method's criterion, where those columns' weights stand at `weight`: float32,
  /// -inf: gone before. Empty for a group.
  std::function<Tensor(const Tensor& weight, int64_t begin, int64_t end)> rescore = {};

  Tensor choose(const Tensor& weight, int64_t begin, int64_t end, double ratio = -1) const {
    return reselect(weight, begin, end, ratio);
  }
  /// The mask that scores of an update's own mean for the whole layer: exact counts in the pattern
  /// and the contest, of equals the lower index first. `ratio` < 0: the share of the part.
  Tensor best(const Tensor& score, double ratio = -1) const;
};

/// Where a repair of whole blocks works, after their layers were pruned and repaired one by one.
struct Blocks {
  Model& model;
  Scope scope;
  const Calibration& data;       // stands before the scope
  const Snapshot& before;        // the model before these blocks were pruned
  std::vector<Site> sites;       // the layers as they were pruned and repaired; of single weights
};

/// Repairs a layer after its mask is chosen. May move weights and may choose mask entries again,
/// but keeps the pattern and the count, and leaves zeros outside the mask: prune() checks all three
/// behind every update. New weights go through layer.set_matrix().
class Update {
 public:
  virtual ~Update() = default;
  virtual Accepts accepts() const { return {}; }
  virtual Needs needs() const { return {}; }
  virtual void apply(Site& /*site*/) const {}
  /// Whether it repairs blocks: reconstruct() is its own.
  virtual bool of_blocks() const { return false; }
  /// Leaves zeros outside the masks. Propagation sequential_block alone: a block is one stop.
  virtual void reconstruct(Blocks& /*blocks*/) const {}
};

}  // namespace bench
