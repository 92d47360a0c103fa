#pragma once
#include "core/method.h"

namespace bench {

/// What trials share. The workbench implements it; prune() never knows whether an answer is new.
/// Statistics belong to the weights from which they were taken: a shelf keeps them for one state of
/// a model, and makes them anew, keeping nothing, for a model that stands otherwise.
class Shelf {
 public:
  virtual ~Shelf() = default;
  using MakeStats = std::function<std::shared_ptr<const Stats>()>;
  /// key: passes, layers and settings.
  virtual std::shared_ptr<const Stats> stats(const std::string& key, Model& model,
                                             const MakeStats& make) = 0;
};

/// Looks on while a model is pruned, layer by layer in the order in which things arise, and changes
/// nothing.
struct Onlooker {
  std::function<void(const Layer&, const Stats&)> measured;  // before the layer's mask is chosen
  std::function<void(const Layer&)> pruned;                  // its mask and weight, decided
};

/// Brings the model to `target` in place: masks set, weights repaired, nothing shrunk.
/// target: share of what the pattern can remove; n:m patterns bring their own.
/// progress(done, of) is called as blocks are finished.
std::vector<Removed> prune(Model& model, const Method& method, double target, Calibration& data,
                           Shelf* shelf = nullptr,
                           const std::function<void(int64_t, int64_t)>& progress = {},
                           const Onlooker& onlooker = {});

/// Layers that a pattern reaches, in order of use.
std::vector<Layer*> prunable(Model& model, const Pattern& pattern);

}  // namespace bench
