#pragma once
#include "config/registry.h"
#include "core/group.h"
#include "core/pattern.h"

namespace bench {

/// How much of one part goes: a ratio, or where count >= 0 exactly so many competitors.
struct Share {
  double ratio = 0;
  int64_t count = -1;
};

/// How scores become a mask. `tie: stable` is exact counts in a stable order; `tie: reference` is
/// the selection that a criterion names as its authors' own (Accepts of the criterion).
/// Scores are float32, -inf where a weight is gone already; of equals the lower index goes first
/// unless the rule says otherwise.
class Selection {
 public:
  virtual ~Selection() = default;
  /// Bool, in the score's shape: what is kept of one matrix or slab [out, columns].
  virtual Tensor mask(const Tensor& score, Contest contest, Share share) const;
  /// The same under n:m.
  virtual Tensor nm(const Tensor& score, int64_t keep, int64_t of) const;
  /// Bool [units].
  virtual Tensor units(const Group& group, const Tensor& score, Share share) const;
};

/// Units of a group that a share means; at_least of them stay.
int64_t removed_units(const Group& group, Share share);

}  // namespace bench
