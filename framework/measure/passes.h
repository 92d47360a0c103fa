#pragma once
#include "core/statistic.h"

namespace bench {

// The passes that fire events: statistics of any kind may listen to one run of them.

/// on_input(): a forward pass through the scope.
extern const Pass kForwardPass;
/// on_gradient(), on_follower(): the gradient of each sequence's (or image batch's) mean loss.
extern const Pass kBackwardPass;

/// Runs each distinct pass of that reach once (a pass that fires no events: once for each kind of
/// statistic) and returns what it showed, in front of `behind`.
std::shared_ptr<Stats> collect(const Probe& probe, const Needs& needs, Pass::Reach reach,
                               std::shared_ptr<const Stats> behind = nullptr);

}  // namespace bench
