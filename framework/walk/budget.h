#pragma once
#include "core/allocator.h"
#include "core/group.h"
#include "core/model.h"

namespace bench {

/// Units of a group that a share means.
int64_t units_of(const Part& part, Share share);

/// The largest shares under which no more than the target's part of a budget goes (core/cost.h:
/// macs, acts, params of the whole model for inputs like `input`). What a unit costs depends on
/// what else goes, so the allocator is asked again and again. scores: of the groups, where the
/// allocator wants them, else empty.
std::vector<Share> budget_shares(Model& model, const Batch& input, const std::vector<Group>& groups,
                                 const std::vector<Part>& parts, const std::vector<Tensor>& scores,
                                 Allocator& allocator, const std::string& budget, double target);

}  // namespace bench
