#pragma once
#include <string>

#include "results/result.h"

namespace bench {

/// What tables sort a trial by, besides its model, pattern and sparsity: the words of its identity
/// that stand in columns of their own. Two trials of one setting differ in nothing but seeds.
struct Setting {
  std::string kind;      // dense: the model as it was loaded; changed: by stages alone; pruned;
                         // foreign: what another program measured (results/foreign.h)
  std::string weights;   // digest of the model's files; empty: not known
  std::string settings;  // JSON: the identity without model, tasks, target and seeds, keys sorted
  std::string seeds;     // JSON: the seeds that were left out, by their place
};

/// An identity that is no JSON object says nothing: then the pattern tells what is dense.
Setting setting_of(const TrialSpec& trial);

}  // namespace bench
