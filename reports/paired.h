#pragma once
#include <functional>

#include "reports/paired_statistics.h"
#include "reports/pivot.h"

namespace bench {

/// One comparison of two methods: a metric under one condition, or over all conditions together.
/// Advantages are positive where the first method is better; of perplexities they are differences
/// of logarithms (nats), of all else differences of the metric.
struct PairedLine {
  std::string task, protocol, metric;
  std::string condition;  // "head+neuron 20%", "head+neuron 20% +lora"; empty: all of them
  bool nats = false;
  int64_t pairs = 0, replicates = 0;  // replicate: one seed of one model, its pairs averaged
  int64_t models = 0, models_better = 0;
  int64_t better = 0, equal = 0, worse = 0;  // pairs
  double a = kNone, b = kNone;  // means over the pairs; of perplexities geometric means
  Interval over_seeds{kNone, kNone, kNone};  // Student's, over replicates
  double p = kNone;     // exact sign-flip test over replicates; one of them tests nothing
  double holm = kNone;  // corrected over lines of one kind: conditions, or totals
  int64_t items = 0;    // of all models; 0: the metric is no mean of its items
  Interval over_items{kNone, kNone, kNone};
};

struct Paired {
  std::string a, b;
  std::vector<PairedLine> lines;
  std::vector<std::string> notes;  // what was left out, and why
};

using OutcomeOf = std::function<Outcome(const std::string& trial)>;

/// Compares method `a` with `b` (a name in tables without its stages, or a criterion's) over all
/// finished trials that match in everything but criterion, allocator and update: model, pattern,
/// sparsity, seed, stages, tasks, and calibration where both use it. Metrics without item scores
/// (sizes, speed) and numbers marked INVALID are left out. Unknown names, and trials of which
/// several match one, are an Error.
Paired paired(const Rows& rows, const OutcomeOf& outcome_of, const std::string& a,
              const std::string& b, const Selection& selection);

/// "table", "markdown" or "csv".
std::string render_paired(const std::vector<Paired>& list, const std::string& format);

}  // namespace bench
