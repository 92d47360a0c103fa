#pragma once
#include <string>
#include <vector>

#include "hydra/compose/composer.h"
#include "hydra/override/override.h"

namespace bench {

/// The overrides of every job of a sweep, in order.
struct SweepPlan {
  bool is_sweep = false;
  std::string origin;  // " of FILE:LINE" of a `sweep:` block, for messages
  std::vector<std::vector<Override>> jobs;
};

/// From the command line, the primary config's `sweep:` block, and Hydra's `hydra.sweeper.params`.
SweepPlan plan_sweep(Composer& composer);

/// One key of a sweep with its values: a job gets one of them. A zip walks several keys together.
struct SweepAxis {
  std::vector<Override> keys;                // without values
  std::vector<std::vector<Element>> values;  // values[i] belongs to keys[i]; equal lengths
  std::string origin;                        // for messages: "seed in x.yaml:3", "'seed=1,2'"

  size_t size() const { return values.empty() ? 0 : values.front().size(); }
};

/// One item of a sweep block: a product of axes, for all jobs or for those where `when` holds.
struct SweepItem {
  std::vector<SweepAxis> axes;
  Value when;  // null, or a map of key -> value or list of values
};

/// Reads the block; values in the sweep grammar are expanded.
std::vector<SweepItem> read_sweep_block(const Value& block, const Composer& composer);
/// The axis of one `key: values`.
SweepAxis read_axis(const std::string& key, const Value& values, const Composer& composer);
/// The values of a swept override.
SweepAxis axis_of(const Override& override, const Composer& composer);

}  // namespace bench
