#pragma once
#include <functional>
#include <vector>

#include "core/layer.h"

namespace bench {

/// What a router decided for the rows of a batch, and what its experts made of them.
struct Routing {
  Tensor logits;   // [T, E]: the router's matrix times the rows, its bias added
  Tensor scores;   // [T, E]: what weights are taken from: softmax or sigmoid of all, or the logits
  Tensor experts;  // int64 [T, k]: the chosen ones by descending score; columns are routed experts
  Tensor weights;  // [T, k]: what their outputs are multiplied by
  /// Of one expert that was chosen: ascending rows of the batch, and its output there before the
  /// weight.
  struct Answer {
    int64_t expert;
    Tensor rows, outputs;
  };
  std::vector<Answer> answers;
};

/// The experts of one block behind their router, as passes and criteria see them. Experts are
/// counted as the router counts them: those that went are not among them.
class Mixture {
 public:
  virtual ~Mixture() = default;
  virtual int64_t experts() const = 0;
  virtual int64_t chosen() const = 0;  // k
  /// x: [T, hidden], all of the batch's rows; undefined again after each pass, as a layer's tap.
  std::function<void(const Tensor& x, const Routing&)> onlooker;
  Tensor alive;  // bool [E]: experts that can be chosen; undefined: all of them
  /// float64 [1]: a chosen expert whose weight is below this times the largest is not asked, and
  /// the others bear its weight; undefined: all chosen ones are.
  Tensor skip;
  /// Experts whose weights gave way to one answer for every row: int64 [E], a row of `constants`
  /// [n, hidden], -1 for those that are whole. Undefined: all are.
  Tensor constant_of, constants;
  /// The sum of the chosen experts, shared ones included. x: [T, hidden].
  virtual Tensor operator()(const Tensor& x) const = 0;
};

/// A model some of whose blocks are mixtures of experts.
class Routed {
 public:
  virtual ~Routed() = default;
  virtual Mixture* mixture(int64_t block) = 0;  // null: the block has none
};

}  // namespace bench
