#pragma once
#include "reports/pivot.h"

namespace bench {

/// What a reader must know of a table: means, failed rules.
std::vector<std::string> notes_of(const Table& table);

}  // namespace bench
