#pragma once
#include <functional>

#include "walk/certificate.h"
#include "trial/trial.h"
#include "trial/workbench.h"

namespace bench {

/// What a person may be told while a trial runs.
using TrialProgress = std::function<void(const std::string& phase, int64_t done, int64_t of)>;

/// Is shown what a trial computes, in the order in which it arises: the level, a name that is
/// unique in it, the values. Levels: model (dense weights), tokens (of each request of the tasks),
/// calibration (ids of each sample), statistics, mask and weights (of each layer), logits (of a
/// small probe of the tasks).
using Watch = std::function<void(const std::string& level, const std::string& name, const Tensor&)>;

/// What `hash` rows hold of values: XXH64 of their bytes.
std::string value_hash(const Tensor& values);

/// One trial from its completed configuration to its rows: load, calibrate and prune, shrink,
/// measure. A metric that is no number, or a mask that does not hold, is an Error: no row claims
/// it.
/// Leaves value_hash rows "LEVEL/NAME" of the levels from statistics to logits.
Outcome run_trial(const Value& config, Workbench& bench, const TrialProgress& progress = {});

/// The trial's model once more, pruned and shrunk as run_trial does it.
struct PrunedModel {
  std::shared_ptr<Workbench::Loaded> loaded;  // until the workbench hands this model out again
  Pattern pattern;
  Certificate certificate;  // of the last stage; without layers: dense
  std::vector<std::pair<std::string, std::string>> hashes;
};
PrunedModel pruned_model(const Value& config, Workbench& bench, const TrialProgress& progress = {});

/// The same up to the logits of the probe, no task measured, and every level shown. Returns the
/// hashes of model, data, mask and pruned weights that run_trial would have left.
std::vector<std::pair<std::string, std::string>> watch_trial(const Value& config, Workbench& bench,
                                                             const Watch& watch,
                                                             const TrialProgress& progress = {});

}  // namespace bench
