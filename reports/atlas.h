#pragma once
#include <map>
#include <string>
#include <vector>

#include "reports/pivot.h"

namespace bench {

/// What one column of a model's tables (a pattern and a share) did to its layers.
struct Atlas {
  std::string model, column;
  bool structured = false;
  std::vector<std::string> layers;  // names of weights, in the model's order
  struct Row {
    std::string method;
    std::vector<double> zeros;   // share by layer; NaN: not recorded
    std::vector<size_t> trials;  // the one that is shown: of the first seed
    /// By layer: which of the sampled weights are gone, a bit each
    /// (experiments/trial/mask_sample.h); empty where the trial left none (an older ledger, nothing
    /// masked).
    std::vector<std::string> samples;
  };
  std::vector<Row> rows;

  /// Share of what either method removes of a layer that both remove (Jaccard's index), estimated
  /// from the same sampled weights: exact for layers of at most 1,024 weights, else with a standard
  /// error of at most 0.016. NaN where one left no sample, or neither removed any of it.
  double overlap(size_t a, size_t b, size_t layer) const;
  /// Mean over the layers that have one.
  double overlap(size_t a, size_t b) const;
};

/// One for each model and column that has masks.
std::vector<Atlas> atlases(const Rows& rows, const Report& report);

}  // namespace bench
