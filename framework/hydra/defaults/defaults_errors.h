#pragma once
#include "hydra/defaults/defaults.h"

namespace bench {

/// A config that is nowhere: with its options, near names and the folders that were searched.
[[noreturn]] void fail_not_found(const Repository& repository, const DefaultsNode& node);

/// No group choice stands twice in the final list.
void check_unique(const std::vector<FinalDefault>& list);

/// "file:line" on a line of its own, "" if unknown.
std::string place_of(const DefaultsEntry& entry);

}  // namespace bench
