#pragma once
#include "core/method.h"

namespace bench {

/// One stop of a walk through a model: the blocks that run there, and which of the items that are
/// visited in order of their blocks are decided there.
struct Stop {
  Scope scope;
  std::vector<size_t> items;
  bool finished;  // its blocks are: hidden states move on
};

/// Where a walk stops. blocks: of each item, in the order of use.
std::vector<Stop> stops(int64_t block_count, Propagation order, const std::vector<int64_t>& blocks);

/// Goes through the model stop by stop. `data` stands before each stop's scope when it is visited
/// (its hidden states as the model left them so far), unless it has no batches: then nothing is
/// measured and nothing runs. Pruning, stages, studies and verification share it. Where weights are
/// while nobody reads them is not its matter (core/residency.h).
/// progress(done, of) is called as stops are finished.
void walk(Model& model, Calibration& data, const std::vector<Stop>& stops,
          const std::function<void(const Stop&)>& visit,
          const std::function<void(int64_t, int64_t)>& progress = {});

}  // namespace bench
