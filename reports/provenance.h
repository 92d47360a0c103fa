#pragma once
#include <nlohmann/json.hpp>

#include "results/store.h"

namespace bench {

/// All that is known about a trial, in words that `bench show --json` and the page share. With
/// `whole` also the sparsity of each tensor and block, the notes and the item scores' hashes.
nlohmann::ordered_json provenance(const Trial& trial, const Outcome& outcome, bool whole);

}  // namespace bench
