#pragma once
#include "hydra/yaml/value.h"
#include "results/store.h"

namespace bench::engine {

/// A trial as a database holds it.
struct RecordedTrial {
  Trial trial;
  Outcome outcome;
};
/// An id may be shortened; one that is not there is an Error that begins with the verb.
RecordedTrial recorded_trial(const std::string& verb, const std::string& database,
                             const std::string& id);
/// A hash by its name; empty where none is recorded.
std::string hash_of(const std::vector<std::pair<std::string, std::string>>& hashes,
                    const std::string& name);
/// Its configuration as it was frozen, checked against what this program knows and what is on this
/// machine; `otherwise`: what else the user can do, for the Error.
Value runnable(const Trial& trial, const std::string& otherwise = "");

}  // namespace bench::engine
