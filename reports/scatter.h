#pragma once
#include <nlohmann/json.hpp>

#include "results/result.h"

namespace bench {

/// A study's points: where a task has a metric dL_true with item scores (the retrained loss change
/// of every channel), that against each of its other metrics of the same items. null: there is
/// none. {"task", "unit", "y": [..], "x": [{"name", "value", "items": [..]}]}
nlohmann::ordered_json scatter_of(const Outcome& outcome);

/// Whether scatter_of() will find something, judged without item scores.
bool has_scatter(const Outcome& outcome);

}  // namespace bench
