#pragma once
#include <vector>

#include "core/layer.h"

namespace bench {

/// A block's layers that can pass over small inputs, in order of use, and from which magnitude on.
struct Thresholds {
  std::vector<Layer*> layers;
  Layer* gate = nullptr;  // of them, the one that computes the MLP's gate; null: there is none
  /// float32 [layers + 1]: an input whose magnitude is at most this counts as 0. The last entry is
  /// of an MLP's gate behind its activation: what both its branches give there. Undefined: nothing
  /// is passed over.
  Tensor* values = nullptr;
};

/// A network whose activations can be made sparse while it runs.
class Thresholded {
 public:
  virtual ~Thresholded() = default;
  virtual Thresholds thresholds(int64_t block) = 0;
  /// What an MLP's gate gives behind its activation for rows that the MLP reads. Undefined where a
  /// block has none.
  virtual Tensor gated(int64_t block, const Tensor& x) const = 0;
};

}  // namespace bench
