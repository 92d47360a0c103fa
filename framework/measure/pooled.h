#pragma once
#include <functional>
#include <vector>

#include "core/allocator.h"

namespace bench {

/// The scores of one part: float32, any shape; -inf for what is gone already.
using ScoreOf = std::function<Tensor(size_t part)>;

/// How many of each part are among the `drop` lowest scores of all parts together: exact, of equals
/// those of the first part and the lowest index go first. with_ties: all that equal the highest of
/// them go, too. Parts are asked for twice and never held together. Throws if a score is NaN.
std::vector<int64_t> lowest_of_all(size_t parts, const ScoreOf& score, int64_t drop,
                                   bool with_ties = false);

}  // namespace bench
