#include "results/sqlite.h"

#include <cmath>
#include <limits>

#include "base/error.h"

namespace bench::sqlite {

void fail_with(int code, const std::string& path, const char* message) {
  switch (code & 0xff) {
    case SQLITE_FULL:
      fail(
          "{}: the disk is full; free some space and give the same command again, "
          "nothing that was recorded is lost",
          path);
    case SQLITE_READONLY:
    case SQLITE_PERM:
      fail(
          "{}: cannot be written ({}); check the permissions of the file and its folder, or give "
          "another place with --db",
          path, message);
    case SQLITE_CANTOPEN:
      fail(
          "{}: cannot be opened ({}); check that its folder exists and may be written, or give "
          "another place with --db",
          path, message);
    case SQLITE_NOTADB:
      fail("{}: is not an SQLite database; move that file away or give another place with --db",
           path);
    case SQLITE_CORRUPT:
      fail(
          "{}: the database is damaged ({}); save what is left with 'sqlite3 FILE .recover', or "
          "give another place with --db",
          path, message);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      fail(
          "{}: another process has kept the database locked for {} seconds; stop it (see 'fuser "
          "FILE') and give the same command again",
          path, kBusyMilliseconds / 1000);
    case SQLITE_IOERR:
      fail(
          "{}: reading or writing failed ({}); check the disk and its free space, then give the "
          "same command again",
          path, message);
    case SQLITE_TOOBIG:
      fail("{}: a text or a list of item scores is larger than SQLite stores (1 GB); record less",
           path);
    default:
      fail("{}: SQLite says '{}'; if the file is no ledger of bench, give another place with --db",
           path, message);
  }
}

Statement::~Statement() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

void Statement::check(int code) const {
  if (code != SQLITE_OK) fail_with(code, path_, sqlite3_errmsg(db_));
}

void Statement::bind_real(int index, double value) {
  check(std::isnan(value) ? sqlite3_bind_null(statement_, index)
                          : sqlite3_bind_double(statement_, index, value));
}

void Statement::bind_text(int index, std::string_view value) {
  // A view without memory would bind NULL.
  check(sqlite3_bind_text64(statement_, index, value.empty() ? "" : value.data(), value.size(),
                            SQLITE_TRANSIENT, SQLITE_UTF8));
}

Statement& Statement::blob(int index, const void* data, size_t bytes) {
  check(bytes == 0 ? sqlite3_bind_zeroblob(statement_, index, 0)
                   : sqlite3_bind_blob64(statement_, index, data, bytes, SQLITE_TRANSIENT));
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) fail_with(code, path_, sqlite3_errmsg(db_));
  return false;
}

void Statement::run() {
  step();
  sqlite3_reset(statement_);
}

double Statement::real(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL
             ? std::numeric_limits<double>::quiet_NaN()
             : sqlite3_column_double(statement_, column);
}

std::string Statement::text(int column) const {
  return std::string(bytes(column));
}

std::string_view Statement::bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);  // of a TEXT: its bytes as they are
  const int size = sqlite3_column_bytes(statement_, column);
  if (!data || size <= 0) return {};
  return {static_cast<const char*>(data), static_cast<size_t>(size)};
}

Connection::Connection(std::string path, int flags) : path_(std::move(path)) {
  const int code = sqlite3_open_v2(path_.c_str(), &db_, flags, nullptr);
  if (code != SQLITE_OK) {
    const std::string message = db_ ? sqlite3_errmsg(db_) : "out of memory";
    sqlite3_close(db_);
    fail_with(code, path_, message.c_str());
  }
  sqlite3_busy_timeout(db_, kBusyMilliseconds);
}

Connection::~Connection() {
  for (const auto& [text, statement] : kept_) sqlite3_finalize(statement);
  sqlite3_close(db_);
}

void Connection::become_copy() {
  sqlite3* memory = nullptr;
  int code =
      sqlite3_open_v2(":memory:", &memory, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  sqlite3_backup* backup =
      code == SQLITE_OK ? sqlite3_backup_init(memory, "main", db_, "main") : nullptr;
  if (backup) {
    do code = sqlite3_backup_step(backup, -1);
    while (code == SQLITE_BUSY || code == SQLITE_LOCKED);
    sqlite3_backup_finish(backup);
  }
  if (!backup || code != SQLITE_DONE) {
    const std::string message = sqlite3_errmsg(memory);
    sqlite3_close(memory);
    fail_with(code == SQLITE_OK ? SQLITE_ERROR : code, path_, message.c_str());
  }
  for (const auto& [text, statement] : kept_) sqlite3_finalize(statement);
  kept_.clear();
  sqlite3_close(db_);
  db_ = memory;
}

Statement Connection::prepare(const std::string& sql) {
  sqlite3_stmt*& statement = kept_[sql];
  if (!statement) {
    const int code =
        sqlite3_prepare_v3(db_, sql.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) fail_with(code, path_, sqlite3_errmsg(db_));
  }
  return Statement(db_, statement, path_);
}

void Connection::execute(const char* sql) {
  const int code = sqlite3_exec(db_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail_with(code, path_, sqlite3_errmsg(db_));
}

int64_t Connection::number(const char* sql) {
  auto query = prepare(sql);
  return query.step() ? query.integer(0) : 0;
}

Transaction::Transaction(Connection& db, Kind kind) : db_(db) {
  db_.execute(kind == Kind::Write ? "BEGIN IMMEDIATE" : "BEGIN");
}

Transaction::~Transaction() {
  // SQLite has rolled back by itself after some errors (a full disk); then there is nothing to do.
  if (db_.in_transaction()) sqlite3_exec(db_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
  db_.execute("COMMIT");
}

}  // namespace bench::sqlite
