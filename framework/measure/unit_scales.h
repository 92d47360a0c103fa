#pragma once
#include "core/borrowed.h"
#include "core/model.h"

namespace bench {

/// The samples, so many a batch; the last may be smaller.
std::vector<Batch> mini_batches(const std::vector<Batch>& batches, int64_t together);

/// What a group's reader reads times the mask, one entry a unit, until the borrower's scope ends.
void hang_mask(Borrowed& borrowed, const Group& group, Layer& reader, const Tensor& mask);

/// Heads or neurons of one block and what is found for them.
struct ScaledUnits {
  const Group* group;
  Layer* reader;
  Tensor teacher, kept;  // bool [units]
  Tensor scale;          // float32 [units], 0 where a unit goes
};

/// Scales of the units that stay, block by block, so that each block's attention and then its MLP
/// gives what it gives in the teacher (rescale.py): least squares of `scale - 1` with damping 1
/// (measure/lsmr.h). The attention of the first block is left as it is; of the last MLP of a
/// classifier only the first token of each sequence counts. A solution that fails (5 n iterations)
/// or has an entry beyond 10 ends it: what follows keeps 1. Of networks whose norms stand behind
/// the sublayers, so that what an MLP reads is what it is added to.
void solve_scales(Model& model, const std::vector<Batch>& data, std::vector<ScaledUnits>& units);

}  // namespace bench
