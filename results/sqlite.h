#pragma once
#include <sqlite3.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>

namespace bench::sqlite {

/// A prepared statement on loan: reset when it goes out of scope, ready for its next use.
class Statement {
 public:
  Statement(sqlite3* db, sqlite3_stmt* statement, const std::string& path)
      : db_(db), statement_(statement), path_(path) {}
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  /// Binds ?1, ?2, ... in order. NaN becomes NULL: SQLite has no NaN of its own.
  template <class... Values>
  Statement& with(const Values&... values) {
    sqlite3_reset(statement_);  // a statement that has been stepped cannot be bound
    int index = 0;
    (bind(++index, values), ...);
    return *this;
  }
  Statement& blob(int index, const void* data, size_t bytes);
  /// True where there is a row to read.
  bool step();
  /// Runs a statement that returns nothing; afterwards it can be bound again.
  void run();

  int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  double real(int column) const;  // NULL is NaN
  std::string text(int column) const;
  std::string_view bytes(int column) const;  // valid until the next step

 private:
  template <class T>
  void bind(int index, const T& value) {
    if constexpr (std::is_integral_v<T>)
      check(sqlite3_bind_int64(statement_, index, value));
    else if constexpr (std::is_floating_point_v<T>)
      bind_real(index, value);
    else
      bind_text(index, value);
  }
  void bind_real(int index, double value);
  void bind_text(int index, std::string_view value);
  void check(int code) const;

  sqlite3* db_;
  sqlite3_stmt* statement_;
  const std::string& path_;
};

/// One open database. Not to be carried across fork(): SQLite's locks belong to a process.
class Connection {
 public:
  Connection(std::string path, int flags);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Statements are prepared once for each text and kept.
  Statement prepare(const std::string& sql);
  /// One or several statements without results.
  void execute(const char* sql);
  int64_t number(const char* sql);  // the first column of the first row
  /// From here on it is a copy in memory: what is written changes no file.
  void become_copy();
  int64_t changes() const { return sqlite3_changes64(db_); }
  bool in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }
  const std::string& path() const { return path_; }
  sqlite3* handle() { return db_; }

 private:
  std::string path_;
  sqlite3* db_ = nullptr;
  std::unordered_map<std::string, sqlite3_stmt*> kept_;
};

/// BEGIN IMMEDIATE (a writer) or BEGIN (a reader that wants one state); rolls back unless
/// committed.
class Transaction {
 public:
  enum class Kind { Write, Read };
  explicit Transaction(Connection& db, Kind kind = Kind::Write);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Connection& db_;
};

/// Throws the sentence for an SQLite result code, with the path and what can be done.
[[noreturn]] void fail_with(int code, const std::string& path, const char* message);

constexpr int kBusyMilliseconds = 60'000;

}  // namespace bench::sqlite
