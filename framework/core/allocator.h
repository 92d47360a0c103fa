#pragma once
#include <functional>
#include <string>
#include <vector>

#include "core/accepts.h"
#include "core/selection.h"
#include "core/statistic.h"

namespace bench {

/// What receives a share of the target: a layer, or a group when pruning structures.
struct Part {
  std::string name;
  std::vector<int64_t> shape;    // of the weight; {units} for a group
  int64_t size = 0;              // competitors: weights, or units
  int64_t block = 0;             // where it stands in the chain
  const Layer* layer = nullptr;  // of single weights; null for a group
  const Group* group = nullptr;  // of units; null for a layer
  double weight = 1;             // what one competitor stands for in the target: weights per unit
  std::string kind;              // of a group: "head", "neuron", ...
  int64_t unit_width = 1;        // of a group's units (removed_units)
  int64_t at_least = 0;          // competitors that stay whatever is asked
};

/// The scores of all parts on the model as this step finds it, one part at a time: an allocator
/// never holds all scores of a model. Asked again, the same scores come again.
class Scores {
 public:
  virtual ~Scores() = default;
  /// float32, in the shape of the part's matrix or [units]; -inf: gone already.
  virtual Tensor of(size_t part) const = 0;
};

/// Scores that are there already.
class HeldScores : public Scores {
 public:
  explicit HeldScores(std::vector<Tensor> all) : all_(std::move(all)) {}
  Tensor of(size_t part) const override { return all_.at(part); }

 private:
  std::vector<Tensor> all_;
};

/// What an allocator may look at.
struct Split {
  const std::vector<Part>& parts;
  const Scores& scores;
  const Stats& stats;  // of needs(), and what the criterion asked for
  double target;       // share of all competitors' weight that goes
  /// The model as this step finds it and its data, for those that run it (Allocator::runs()).
  const Probe* probe = nullptr;
  /// What a part would keep of its competitors: by the criterion, the contest and the selection of
  /// the method. Bool, in the shape of its scores.
  std::function<Tensor(size_t part, Share share)> mask = {};
};

/// Splits one target over the parts.
class Allocator {
 public:
  virtual ~Allocator() = default;
  virtual Accepts accepts() const { return {}; }
  /// Statistics of its own, taken on the model as a step finds it.
  virtual Needs needs() const { return {}; }
  /// Whether shares() reads scores: where it does not, the criterion is not asked for them.
  virtual bool wants_scores() const { return false; }
  /// Whether shares() runs the model on the calibration data by itself.
  virtual bool runs() const { return false; }
  /// One share per part, in their order.
  virtual std::vector<Share> shares(const Split& split) const = 0;
};

}  // namespace bench
