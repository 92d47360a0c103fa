#pragma once
#include <mutex>
#include <optional>

#include "results/sqlite.h"
#include "results/store.h"

namespace bench {

/// What a Store holds. The mutex makes a Store safe to share between the thread that works on a
/// trial and the one that sends its heartbeats: a transaction belongs to the connection.
struct Store::Database {
  explicit Database(const std::string& path, Mode mode);

  /// Puts the ids where claim() looks them up: a table beside the database, filled once.
  void wish(const std::vector<std::string>& ids);

  sqlite::Connection connection;
  std::mutex mutex;
  std::optional<std::vector<std::string>> wished;
};

/// Rows of a trial in, rows of a trial out; inside the caller's transaction.
void write_outcome(sqlite::Connection& db, int64_t trial, const Outcome& outcome);
void add_verdict(sqlite::Connection& db, int64_t trial, const VerdictRow& verdict);
/// A row that counts no more keeps everything but its id, which becomes ID~1, ID~2, ...
void move_to_past(sqlite::Connection& db, const std::string& id, const std::string& why);
/// A path as SQLite's URIs spell it: "file:...".
std::string uri_of(const std::string& path);
/// In what an outcome differs from the newest row of the past of its trial that the same code
/// measured: metrics of the same items, or hashes. Empty: in nothing, or there is no such row.
std::string disagreement(sqlite::Connection& db, const std::string& id, const Outcome& outcome);
Outcome read_outcome(sqlite::Connection& db, int64_t trial, bool with_items);

}  // namespace bench
