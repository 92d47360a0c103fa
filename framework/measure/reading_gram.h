#pragma once
#include "core/criterion.h"

namespace bench {

/// How much the units of a group add to what its readers give: over all outputs and all rows of the
/// calibration data, with z_u the part of an output that comes from unit u, K[u, v] = sum z_u z_v.
/// float64 [units, units] on the CPU, summed over the layers that read the units; taken from the
/// inputs' Gram matrices (need<InputGram>()), (X^T X) * (W^T W), so that no output is sampled. A
/// group that no layer reads is an Error with `who` in it.
Tensor reading_gram(const Group& group, const Stats& stats, const char* who);

}  // namespace bench
