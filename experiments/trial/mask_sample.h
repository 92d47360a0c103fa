#pragma once
#include "core/model.h"
#include "results/result.h"

namespace bench {

/// Leaves the note "mask_sample": for each masked layer, by its weight's name, which of 1,024 of
/// its weights are gone, a bit each (1: gone; the lowest bit of a byte is the first), as base64.
/// The places depend on the number of weights alone, one at random in each of 1,024 equal
/// stretches, so that two trials are asked about the same weights; smaller layers are asked whole.
/// That is what overlaps of masks are estimated from (reports/atlas.h): a share p with a standard
/// error of at most sqrt(p (1 - p) / 1024).
void record_mask_sample(Outcome& out, Model& model);

/// The places of a layer of `numel` weights, in order.
std::vector<int64_t> sampled_places(int64_t numel);

}  // namespace bench
