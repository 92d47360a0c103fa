#pragma once
#include "core/criterion.h"

namespace bench {

/// How the values that a unit has in each of its coupled layers become one score on a scale of the
/// group: reduced over the members, then normalised (VainF/Torch-Pruning@e80127d
/// torch_pruning/pruner/importance.py:97-178). Settings that every criterion of coupled layers has.
class Grouping {
 public:
  static Schema schema(const char* normalizer = "mean");
  explicit Grouping(const Config& c);
  Grouping(std::string members, std::string normalizer, double sentinel = 0.5);

  /// Values [channels] of each member, the root (the layer that writes the units) first -> scores
  /// [units], float64. No members at all is an Error with the group's name.
  Tensor reduce(const Group& group, const std::vector<Tensor>& members) const;

  /// A vector along a slice's dim -> [channels]. Where several of its rows or columns stand for one
  /// channel (a flattened map), they are members of their own under max and prod.
  Tensor channels(const Group& group, const Slice& slice, const Tensor& along) const;

  const std::string& members() const { return members_; }

 private:
  std::string members_, normalizer_;
  double sentinel_;
};

/// The members of a group norm: sum of |w|^p of each layer's part of a channel, |scale|^p of the
/// norms between them; bias: and the biases of the layers that write it and the shifts of the
/// norms, each a member of its own. The root stands first, then the norms, then the other layers.
std::vector<Tensor> norm_members(const Grouping& how, const Group& group, int64_t p, bool bias);

/// |t|^p, elementwise.
Tensor power(const Tensor& t, int64_t p);

}  // namespace bench
