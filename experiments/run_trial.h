#pragma once
#include <functional>

#include "trial.h"
#include "workbench.h"

namespace bench {

/// What a person may be told while a trial runs.
using TrialProgress = std::function<void(const std::string& phase, int64_t done, int64_t of)>;

/// One trial from its completed configuration to its rows: load, calibrate and prune, shrink,
/// measure. A metric that is no number, or a mask that does not hold, is an Error: no row claims
/// it.
Outcome run_trial(const Value& config, Workbench& bench, const TrialProgress& progress = {});

}  // namespace bench
