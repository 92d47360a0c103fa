#pragma once
#include "reports/pivot.h"

namespace bench {

/// What a reader must know of a table: means, failed rules, and whether one code measured it all.
std::vector<std::string> notes_of(const Table& table, const Rows& rows);

}  // namespace bench
