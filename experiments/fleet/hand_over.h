#pragma once
#include <string>
#include <vector>

#include "results/result.h"
#include "slurm/keys.h"
#include "slurm/submission.h"

namespace bench {

/// Deals trials to the elements of an array by what they will cost, freezes the shares, and submits
/// the array and the job that merges behind it. `finished`: trials of the ledger, for the costs. An
/// Error leaves neither a job nor a folder.
slurm::Submission hand_over(const slurm::Keys& keys, const std::string& db,
                            const std::vector<TrialSpec>& trials,
                            const std::vector<Trial>& finished);

}  // namespace bench
