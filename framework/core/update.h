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

  Tensor choose(const Tensor& weight, int64_t begin, int64_t end, double ratio = -1) const {
    return reselect(weight, begin, end, ratio);
  }
};

/// Repairs a layer after its mask is chosen. May move weights and may choose mask entries again,
/// but keeps the pattern and the count, and leaves zeros outside the mask: prune() checks all three
/// behind every update. New weights go through layer.set_matrix().
class Update {
 public:
  virtual ~Update() = default;
  virtual Accepts accepts() const { return {}; }
  virtual Needs needs() const { return {}; }
  virtual void apply(Site& site) const = 0;
};

}  // namespace bench
