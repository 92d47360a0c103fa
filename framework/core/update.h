#pragma once
#include "core/criterion.h"

namespace bench {

/// Chooses the mask of columns [begin, end) of a layer whose weights stand at `weight`.
using Reselect = std::function<Tensor(const Tensor& weight, int64_t begin, int64_t end)>;

/// Repairs a layer after its mask is chosen. May move weights and may choose mask entries again,
/// but keeps the pattern and the count, and leaves zeros outside the mask.
class Update {
 public:
  virtual ~Update() = default;
  virtual Needs needs() const { return {}; }
  /// Throws Error for patterns it cannot serve; called while a sweep is planned.
  virtual void check(const Pattern& /*pattern*/) const {}
  /// mask: bool, as layer.matrix(); on return it is what layer.set_mask() gets. The new weights go
  /// through layer.set_matrix().
  virtual void apply(Layer& layer, Tensor& mask, const Pattern& pattern, const Reselect& reselect,
                     const Stats& stats) const = 0;
};

}  // namespace bench
