#pragma once
#include "reports/cell.h"

namespace bench {

/// Tables of several models as one: models side by side, a column for each of their columns. One
/// for each task and metric. What stands in one table is compared, so that all of it must be
/// measured alike: two windows or two protocols are an Error that names them, some of their rows
/// and what would leave one of each.
std::vector<Table> across_models(const std::vector<Table>& tables, const Rows& rows);

/// Why the numbers of a table are not of the same items (another length, other data under the same
/// name): a sentence with the rows, "" where all is well. `readings`: of the table, but for the
/// INVALID ones.
std::string mixed_items(const Rows& rows, const std::vector<Reading>& readings);

}  // namespace bench
