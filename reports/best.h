#pragma once
#include <functional>

#include "reports/pivot.h"

namespace bench {

/// The number of the table that a trial left; null where it left none.
using ReadingOf = std::function<const MetricRow*(size_t trial)>;

/// Marks the best of every column together with all that cannot be told from it. Two cells differ
/// where the two-sided normal test of their difference says so at 95 %, corrected after Holm over
/// the column's candidates. The difference's error: item by item where both have the scores of the
/// same items and their number is the mean of them (of perplexities its logarithm), plus what the
/// seeds add; else from the two standard errors as if they were independent. Numbers without an
/// error are told apart by any difference. Dense, INVALID and leaking cells take no part; a table
/// without a direction marks nothing.
void mark_best(Table& table, const Rows& rows, const ReadingOf& reading_of);

}  // namespace bench
