#pragma once
#include <map>
#include <string>
#include <vector>

#include "results/store.h"

namespace bench {

/// What trials will cost, for dealing them out: seconds, as the median of the finished trials of a
/// ledger that are most alike (model, method and pattern; model and method; model). A model that
/// was never measured takes its bytes at the rate of those that were; where nothing was, its bytes
/// alone count. `bytes`: of a model's files, by its name; 1 where it is not known.
std::vector<double> predicted_cost(const std::vector<TrialSpec>& trials,
                                   const std::vector<Trial>& finished,
                                   const std::map<std::string, double>& bytes);

}  // namespace bench
