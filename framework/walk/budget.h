#pragma once
#include "core/allocator.h"
#include "core/model.h"

namespace bench {

/// The largest shares under which no more than the target's part of a budget goes (measure/cost.h:
/// macs, acts, params of the whole model for inputs like `input`). What a unit costs depends on
/// what else goes, so the allocator is asked again and again; the parts of the split are groups.
std::vector<Share> budget_shares(Model& model, const Batch& input, const Split& split,
                                 const Allocator& allocator, const std::string& budget);

}  // namespace bench
