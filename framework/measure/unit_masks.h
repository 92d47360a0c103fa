#pragma once
#include "core/statistic.h"

namespace bench {

/// What Kwon et al. 2022 (arXiv 2204.09656; WoosukKwon/retraining-free-pruning@806ac5a
/// prune/fisher.py, search.py, rearrange.py, rescale.py) find on masks of heads and neurons, one
/// entry a unit, all of them 1 in the dense model. Held by the root layer of each group; those of
/// other layers stay empty. The budget is a share of the multiply-accumulates of all heads and
/// neurons: 1 - target of them stay.
struct UnitMasks : Statistic {
  static constexpr const char* kName = "unit_masks";
  static const Pass& pass();
  /// together: samples a mini-batch, one gradient each; length: tokens that MACs are counted for,
  /// 0: the mean of the data; scaled: and solve for the units' scales, which wants labelled text.
  UnitMasks(const Layer&, int64_t together_, int64_t length_, int scaled_)
      : together(together_), length(length_), scaled(scaled_ != 0) {}
  Values values() const override;

  int64_t together, length;
  bool scaled;
  Tensor gradients;  // float32 [mini-batches, units]: of the mean loss by the mask
  Tensor fisher;     // float32 [units]: their squares, summed
  /// bool [units]: best heads and neurons of the model for the budget; the same for its square
  /// root; the first after the interactions within a layer are looked at.
  Tensor searched, teacher, kept;
  Tensor scale;  // float32 [units]: of what stays, by least squares on the teacher's outputs
};

/// The best units of two kinds for a budget. `first` and `second`: importance of all units of each
/// kind; a unit costs `cost1`, `cost2`. For every number of the first kind the best of it, and as
/// many of the second as the rest pays for; the first largest sum of importance wins. -> bool
/// masks.
struct Picked {
  Tensor first, second;
};
Picked pick_units(const Tensor& first, double cost1, const Tensor& second, double cost2,
                  double budget);

/// A layer's mask of the same count whose removed units' gradients cancel best: begun with the
/// least important, each further unit joins and the one goes back without which the summed gradient
/// is shortest. kept: bool [units]; gradients: [mini-batches, units].
Tensor rearranged(const Tensor& kept, const Tensor& gradients);

}  // namespace bench
