#pragma once
#include <string>
#include <vector>

#include "config/registry.h"
#include "core/pattern.h"

namespace bench {

/// What receives a share of the target: a layer, or a group when pruning structures.
struct Part {
  std::string name;
  std::vector<int64_t> shape;  // of the weight; {units} for a group
  int64_t size;                // competitors: weights, or units
  int64_t unit_width = 1;      // of a group's units (removed_units)
  double weight = 1;           // what one competitor stands for in the target: weights per unit
  std::string kind;            // of a group: "head", "neuron", ...
  int64_t at_least = 1;        // units of a group that stay
};

/// How much of one part goes: a ratio, or where count >= 0 exactly so many competitors.
struct Share {
  double ratio = 0;
  int64_t count = -1;
};

/// Splits one target over the parts.
class Allocator {
 public:
  virtual ~Allocator() = default;
  /// Throws Error for patterns it cannot serve; called while a sweep is planned.
  virtual void check(const Pattern& /*pattern*/) const {}
  /// If true, observe() is called with every part's score on the model as this step finds it.
  virtual bool wants_scores() const { return false; }
  virtual void observe(const Part&, const Tensor& /*score*/) {}
  /// One share per part, in their order. target: share of all competitors' weight that goes.
  virtual std::vector<Share> shares(const std::vector<Part>& parts, double target) = 0;
};

}  // namespace bench
