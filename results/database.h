#pragma once
#include <mutex>

#include "results/sqlite.h"
#include "results/store.h"

namespace bench {

/// What a Store holds. The mutex makes a Store safe to share between the thread that works on a
/// trial and the one that sends its heartbeats: a transaction belongs to the connection.
struct Store::Database {
  explicit Database(const std::string& path, Mode mode);

  sqlite::Connection connection;
  std::mutex mutex;
};

/// Rows of a trial in, rows of a trial out; inside the caller's transaction.
void write_outcome(sqlite::Connection& db, int64_t trial, const Outcome& outcome);
Outcome read_outcome(sqlite::Connection& db, int64_t trial, bool with_items);

}  // namespace bench
