#pragma once
#include "reports/pivot.h"

namespace bench {

/// What a run came to, on one screen: for each model, pattern and share the best methods of each
/// task's first metric, with all that cannot be told from them; failures, what is missing, the time
/// that it took, and what to type next. `db` is the database's path as it was given.
std::string render_summary(const Rows& rows, const std::string& db, bool colour);

}  // namespace bench
