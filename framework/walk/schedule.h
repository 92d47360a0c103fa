#pragma once
#include <string>
#include <vector>

#include "config/schema.h"

namespace bench {

/// The targets of a run in steps (criteria.md 6). one_shot: the final one. Of k = 1..steps,
/// t = k / steps: linear s t; cubic s (1 - (1 - t)^3) (Zhu and Gupta 2017); exponential
/// 1 - (1 - s)^t, so that each step keeps the same share of what is left (SynFlow, IMP).
std::vector<double> schedule_targets(const std::string& kind, int64_t steps, double target);

/// Keys of a trial's `schedule`.
Schema schedule_schema();

}  // namespace bench
