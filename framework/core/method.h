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

/// The units of one group that stay: what shrink() needs.
struct Removed {
  Group group;
  Tensor keep;  // bool [units]
};

/// Groups that a pattern reaches: of its kinds, outside the exempt blocks.
std::vector<Group> prunable_groups(Model& model, const Pattern& pattern);

/// The share of what a pattern may remove that a target asks for: the target itself, or where it is
/// a share of the model's parameters, that share of them.
double removable_target(Model& model, const Pattern& pattern, double target);

}  // namespace bench
