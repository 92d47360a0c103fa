#pragma once
#include "core/allocator.h"
#include "core/criterion.h"
#include "core/update.h"

namespace bench {

/// Which activations the statistics of a block are taken from (criteria.md 0.5).
enum class Propagation {
  Dense,            // the dense model everywhere
  SequentialBlock,  // inputs from pruned blocks before it, the block itself still dense
  PerLinear         // and inside a block, each layer sees the layers before it pruned
};

/// One way to prune: everything but the model, the data and the target.
struct Method {
  std::unique_ptr<Criterion> criterion;
  std::unique_ptr<Allocator> allocator;
  std::unique_ptr<Update> update;  // null: weights are only masked
  Pattern pattern;
  Propagation propagation = Propagation::SequentialBlock;

  /// Throws Error for combinations that cannot work; needs no model.
  void check() const;
  Needs needs() const;
};

/// What trials share. The workbench implements it; prune() never knows whether an answer is new.
class Shelf {
 public:
  virtual ~Shelf() = default;
  using MakeStats = std::function<std::shared_ptr<const Stats>()>;
  /// Statistics of the dense model under that key (which names passes, layers and settings).
  virtual std::shared_ptr<const Stats> stats(const std::string& key, const MakeStats& make) = 0;
};

/// The units of one group that stay: what shrink() needs.
struct Removed {
  Group group;
  Tensor keep;  // bool [units]
};

/// The share of what a pattern may remove that a target asks for: the target itself, or where it is
/// a share of the model's parameters, that share of them.
double removable_target(Model& model, const Pattern& pattern, double target);

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
/// Groups that a pattern reaches: of its kinds, outside the exempt blocks.
std::vector<Group> prunable_groups(Model& model, const Pattern& pattern);

/// Measured sparsity: masked entries / entries (of the pattern's layers), by tensor, block and
/// model; and zeros of all parameters. n:m holds where every group keeps at most n.
struct Sparsity {
  struct Tensor {
    std::string name;
    int64_t block, total, masked, zeros;
  };
  std::vector<Tensor> tensors;
  int64_t parameters = 0;  // all parameters of the model
  int64_t linear_total() const, linear_masked() const, linear_zeros() const;
};
Sparsity measure_sparsity(Model& model);
/// SHA-256 over the names and bits of all masks.
std::string mask_hash(Model& model);
/// Empty if every mask keeps at most n of m; otherwise the first layer that does not.
std::string broken_nm(Model& model, int64_t keep, int64_t of);

}  // namespace bench
