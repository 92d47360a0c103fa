#pragma once
#include <map>
#include <string>
#include <vector>

#include "results/store.h"

namespace bench {

inline constexpr const char* kInheritedRule = "dense_gate";

/// Failed rules by trial, with what pruned trials inherit: where the dense trial of the same model
/// (its name and the digest of its files) missed its gate, no number of a pruned one means
/// anything for that task and protocol. The details then name the dense trial.
using Broken = std::map<std::string, std::vector<VerdictRow>>;
Broken with_inherited(const std::vector<Trial>& trials,
                      const std::vector<Store::VerdictOf>& broken);

/// Only what that trial inherits.
std::vector<VerdictRow> inherited(const Store& store, const Trial& trial);

}  // namespace bench
