#pragma once
#include "results/sqlite.h"

namespace bench {

/// Written into the file's header, so that a ledger is told from any other SQLite database.
constexpr int64_t kApplicationId = 0x50424e43;  // "PBNC"

/// The number of the newest migration this program knows.
int64_t schema_version();

/// An Error unless the database is a ledger of this or an older version; an empty one counts as
/// version 0. Returns its version.
int64_t checked_version(sqlite::Connection& db);

/// Runs the migrations that are missing, all in one transaction.
void migrate(sqlite::Connection& db);

}  // namespace bench
