#pragma once
#include "reports/cell.h"

namespace bench {

/// Tables of several models as one: models side by side, a column for each of their columns. One
/// for each task and metric. What stands in one table is compared, so that all of it must be
/// measured alike: two windows or two protocols are an Error that names them, some of their rows
/// and what would leave one of each.
std::vector<Table> across_models(const std::vector<Table>& tables, const Rows& rows);

}  // namespace bench
