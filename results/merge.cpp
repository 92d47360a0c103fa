#include "results/merge.h"

#include <fmt/ranges.h>

#include <unistd.h>

#include <filesystem>
#include <memory>

#include "base/error.h"
#include "results/database.h"
#include "results/schema.h"

namespace bench {

namespace {

namespace fs = std::filesystem;
using sqlite::Connection;

/// Another ledger as it can be attached: itself, or a copy of the newest schema.
class Other {
 public:
  explicit Other(const std::string& path) : file_(path) {
    { const Store readable(path, Store::Mode::ReadOnly); }  // says what it is, if it is no ledger
    Connection db(path, SQLITE_OPEN_URI | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_READONLY);
    if (!whole(db)) fail("{}: cannot be read whole, and nothing was merged: fetch it again", path);
    if (checked_version(db) == schema_version()) return;
    copy_ = fs::temp_directory_path() / fmt::format("prunebench-merge-{}.db", getpid());
    fs::remove(copy_);
    db.prepare("VACUUM INTO ?1").with(copy_.string()).run();
    const Store migrated(copy_.string());
    file_ = copy_.string();
  }
  ~Other() {
    std::error_code ignored;
    for (const char* end : {"", "-wal", "-shm"})
      if (!copy_.empty()) fs::remove(copy_.string() + end, ignored);
  }
  Other(const Other&) = delete;
  Other& operator=(const Other&) = delete;
  const std::string& file() const { return file_; }

 private:
  static bool whole(Connection& db) {
    auto check = db.prepare("PRAGMA quick_check(1)");
    return check.step() && check.text(0) == "ok";
  }
  std::string file_;
  fs::path copy_;
};

std::vector<std::string> columns_of(Connection& db, const std::string& table,
                                    const std::string& without) {
  std::vector<std::string> all;
  auto query = db.prepare("SELECT name FROM pragma_table_info(?1)");
  query.with(table);
  while (query.step())
    if (query.text(0) != without) all.push_back(query.text(0));
  return all;
}

/// Tables whose rows belong to a trial.
std::vector<std::string> children_of(Connection& db) {
  std::vector<std::string> all;
  auto query = db.prepare(
      "SELECT m.name FROM main.sqlite_schema AS m, pragma_foreign_key_list(m.name) AS f "
      "WHERE m.type = 'table' AND f.\"table\" = 'trial' ORDER BY m.name");
  while (query.step()) all.push_back(query.text(0));
  return all;
}

struct Row {
  int64_t number = 0;
  std::string state, worker, code;
  double finished = 0;
  bool failed_task = false;
  /// What is nearer to its end counts more.
  int rank() const {
    if (state == "done") return failed_task ? 2 : 3;
    return state == "failed" ? 1 : 0;
  }
};

class Merging {
 public:
  explicit Merging(Connection& db) : db_(db), children_(children_of(db)) {
    trial_columns_ = columns_of(db, "trial", "number");
  }

  void run(Merged& all) {
    all.trials += db_.number("SELECT count(*) FROM other.trial WHERE past = ''");
    all.added += add_new();
    auto both = db_.prepare(
        "SELECT o.id FROM other.trial AS o JOIN main.trial AS t ON t.id = o.id WHERE o.past = '' "
        "AND o.number NOT IN (SELECT source FROM moved) ORDER BY o.number");
    std::vector<std::string> ids;
    while (both.step()) ids.push_back(both.text(0));
    for (const auto& id : ids) meet(id, all);
    bring_past();
  }

 private:
  /// The rows of `moved` come over, a trial under its new number with all that belongs to it.
  void copy_moved() {
    std::vector<std::string> values;
    for (const auto& c : trial_columns_)
      values.push_back(c == "state" ? "CASE state WHEN 'running' THEN 'interrupted' ELSE state END"
                       : c == "lease" ? "0"
                                      : "o." + c);
    db_.execute(fmt::format("INSERT INTO main.trial (number, {}) SELECT m.number, {} FROM "
                            "other.trial AS o JOIN moved AS m ON m.source = o.number "
                            "WHERE m.fresh = 1 ORDER BY m.number",
                            fmt::join(trial_columns_, ", "), fmt::join(values, ", "))
                    .c_str());
    for (const auto& table : children_) {
      const auto columns = columns_of(db_, table, "trial");
      db_.execute(fmt::format("INSERT INTO main.{0} (trial, {1}) SELECT m.number, {2} FROM "
                              "other.{0} AS o JOIN moved AS m ON m.source = o.trial "
                              "WHERE m.fresh = 1",
                              table, fmt::join(columns, ", "), prefixed(columns))
                      .c_str());
    }
    db_.execute("UPDATE moved SET fresh = 0");
  }

  static std::string prefixed(const std::vector<std::string>& columns) {
    std::string all;
    for (const auto& c : columns) all += (all.empty() ? "o." : ", o.") + c;
    return all;
  }

  /// A row that was taken out here, or counts no more, does not come back with its old copy. Ids of
  /// the past are ID~1, ID~2, ...: between ID~ and ID~: in the order of their bytes.
  int64_t add_new() {
    db_.execute(
        "INSERT INTO moved SELECT number, (SELECT coalesce(max(number), 0) FROM main.trial) + "
        "row_number() OVER (ORDER BY number), 1 FROM other.trial AS o WHERE past = '' AND id NOT "
        "IN "
        "(SELECT id FROM main.trial) AND NOT EXISTS (SELECT 1 FROM main.trial AS p WHERE p.id > "
        "o.id || '~' AND p.id < o.id || '~:' AND p.finished = o.finished AND p.worker = o.worker "
        "AND o.finished > 0)");
    const auto added = db_.changes();
    copy_moved();
    return added;
  }

  Row row_of(const std::string& schema, const std::string& id) {
    auto query = db_.prepare(fmt::format(
        "SELECT number, state, worker, code, finished, EXISTS (SELECT 1 FROM {0}.failed_task AS f "
        "WHERE f.trial = t.number) FROM {0}.trial AS t WHERE id = ?1",
        schema));
    query.with(id).step();
    return {query.integer(0), query.text(1), query.text(2),
            query.text(3),    query.real(4), query.integer(5) != 0};
  }

  void drop(int64_t number) {
    for (const auto& table : children_)
      db_.prepare(fmt::format("DELETE FROM main.{} WHERE trial = ?1", table)).with(number).run();
    db_.prepare("DELETE FROM main.trial WHERE number = ?1").with(number).run();
  }

  /// Their row comes over under a number; under its own id.
  void take(int64_t source, int64_t number) {
    db_.prepare("INSERT INTO moved VALUES (?1, ?2, 1)").with(source, number).run();
    copy_moved();
  }
  int64_t next_number() { return db_.number("SELECT coalesce(max(number), 0) + 1 FROM trial"); }

  /// An id that both have.
  void meet(const std::string& id, Merged& all) {
    const auto ours = row_of("main", id), theirs = row_of("other", id);
    if (theirs.rank() >= 2 && known_past(id, theirs.finished, theirs.worker)) return;
    if (theirs.rank() > ours.rank()) {
      drop(ours.number);
      take(theirs.number, ours.number);  // it keeps its place
      ++all.completed;
      return;
    }
    if (ours.rank() > theirs.rank() || theirs.rank() < 2) return;
    if (ours.finished == theirs.finished && ours.worker == theirs.worker) return;  // the same row
    const bool earlier =
        std::pair(theirs.finished, theirs.worker) < std::pair(ours.finished, ours.worker);
    const auto difference = differs("main", ours.number, "other", theirs.number);
    if (difference.empty()) {  // one result twice: the first of the two stands for both
      if (earlier) {
        drop(ours.number);
        take(theirs.number, ours.number);
      }
    } else {
      keep_both(id, ours, theirs, ours.code == theirs.code ? earlier : !earlier, difference, all);
    }
    mark(id);
  }

  /// What two finished rows say differently; empty: nothing. Metrics are held together where their
  /// items are the same.
  std::string differs(const std::string& a, int64_t one, const std::string& b, int64_t two) {
    auto hash = db_.prepare(fmt::format(
        "SELECT x.name FROM {}.hash AS x JOIN {}.hash AS y ON y.name = x.name WHERE "
        "x.trial = ?1 AND y.trial = ?2 AND x.value <> y.value ORDER BY x.position LIMIT 1",
        a, b));
    if (hash.with(one, two).step()) return hash.text(0);
    auto metric = db_.prepare(fmt::format(
        "SELECT x.task || ' ' || x.name FROM {0}.metric AS x JOIN {1}.metric AS y ON y.task = "
        "x.task AND y.protocol = x.protocol AND y.name = x.name JOIN {0}.item_scores AS i ON "
        "i.trial = x.trial AND i.task = x.task AND i.protocol = x.protocol AND i.name = x.name "
        "JOIN {1}.item_scores AS j ON j.trial = y.trial AND j.task = y.task AND j.protocol = "
        "y.protocol AND j.name = y.name AND j.items_hash = i.items_hash WHERE x.trial = ?1 AND "
        "y.trial = ?2 AND x.value IS NOT y.value ORDER BY x.position LIMIT 1",
        a, b));
    if (metric.with(one, two).step()) return metric.text(0);
    return "";
  }

  /// Rows of the past of an id here that the same code measured.
  std::vector<int64_t> past_of(const std::string& id, const std::string& code) {
    auto query = db_.prepare(
        "SELECT number FROM main.trial WHERE id GLOB ?1 || '~*' AND state = 'done' AND code = ?2");
    query.with(id, code);
    std::vector<int64_t> all;
    while (query.step()) all.push_back(query.integer(0));
    return all;
  }

  /// Whether the past has that result already.
  bool in_past(const std::string& id, const std::string& code, const std::string& schema,
               int64_t number) {
    for (const auto past : past_of(id, code))
      if (differs("main", past, schema, number).empty() && !(schema == "main" && past == number))
        return true;
    return false;
  }

  /// The row that counts says that the same code measured something else.
  void mark(const std::string& id) {
    const auto here = row_of("main", id);
    auto said = db_.prepare(
        "SELECT 1 FROM main.verdict WHERE trial = ?1 AND rule = 'reruns_disagree' AND NOT ok");
    if (said.with(here.number).step()) return;
    for (const auto past : past_of(id, here.code)) {
      const auto difference = differs("main", here.number, "main", past);
      if (difference.empty()) continue;
      add_verdict(db_, here.number,
                  {"reruns_disagree", false,
                   fmt::format("{} is another one in a row that the same code measured elsewhere",
                               difference)});
      return;
    }
  }

  bool known_past(const std::string& base, double finished, const std::string& worker) {
    auto query = db_.prepare(
        "SELECT 1 FROM main.trial WHERE id GLOB ?1 || '~*' AND finished = ?2 AND worker = ?3");
    return query.with(base, finished, worker).step();
  }

  void keep_both(const std::string& id, const Row& ours, const Row& theirs, bool they_count,
                 const std::string& difference, Merged& all) {
    const auto why = ours.code == theirs.code
                         ? difference + " is another one than in the row that counts"
                         : "measured by other code; the newer row counts";
    if (they_count) {
      if (in_past(id, ours.code, "main", ours.number))
        drop(ours.number);
      else
        move_to_past(db_, id, why);
      take(theirs.number, next_number());
    } else {
      if (in_past(id, theirs.code, "other", theirs.number)) return;
      // Their id is free only for a moment: ours steps aside.
      db_.prepare("UPDATE main.trial SET id = ?2 WHERE id = ?1").with(id, id + "|here").run();
      take(theirs.number, next_number());
      move_to_past(db_, id, why);
      db_.prepare("UPDATE main.trial SET id = ?1 WHERE id = ?2").with(id, id + "|here").run();
    }
    ++all.differing;
  }

  /// Rows that count no more, where they are not known: under the next number of their id's past.
  void bring_past() {
    auto query = db_.prepare(
        "SELECT number, substr(id, 1, instr(id, '~') - 1), finished, worker FROM other.trial "
        "WHERE past <> '' AND instr(id, '~') > 0 ORDER BY number");
    struct Past {
      int64_t number;
      std::string base, worker;
      double finished;
    };
    std::vector<Past> all;
    while (query.step())
      all.push_back({query.integer(0), query.text(1), query.text(3), query.real(2)});
    for (const auto& p : all) {
      if (known_past(p.base, p.finished, p.worker)) continue;
      auto same =
          db_.prepare("SELECT 1 FROM main.trial WHERE id = ?1 AND finished = ?2 AND worker = ?3");
      if (same.with(p.base, p.finished, p.worker).step()) continue;  // here it counts
      auto count = db_.prepare("SELECT count(*) FROM main.trial WHERE id GLOB ?1 || '~*'");
      count.with(p.base).step();
      const auto id = fmt::format("{}~{}", p.base, count.integer(0) + 1);
      db_.prepare(
             "UPDATE main.trial SET id = '|' || id WHERE id = (SELECT id FROM other.trial "
             "WHERE number = ?1)")
          .with(p.number)
          .run();
      const auto number = next_number();
      take(p.number, number);
      db_.prepare("UPDATE main.trial SET id = ?2 WHERE number = ?1").with(number, id).run();
      db_.execute("UPDATE main.trial SET id = substr(id, 2) WHERE substr(id, 1, 1) = '|'");
    }
  }

  Connection& db_;
  std::vector<std::string> children_, trial_columns_;
};

}  // namespace

Merged merge(const std::string& into, const std::vector<std::string>& from) {
  std::error_code ignored;
  for (const auto& f : from)
    if (fs::equivalent(into, f, ignored)) fail("{}: cannot be merged into itself", f);
  std::vector<std::unique_ptr<Other>> others;
  for (const auto& f : from) others.push_back(std::make_unique<Other>(f));
  { const Store made(into); }  // created and migrated
  Merged all;
  Connection db(into, SQLITE_OPEN_URI | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_READWRITE);
  db.execute("CREATE TEMP TABLE moved (source INTEGER PRIMARY KEY, number INTEGER, fresh INTEGER)");
  // A database is attached and let go outside of transactions: there is one for each of them.
  for (const auto& other : others) {
    db.prepare("ATTACH ?1 AS other").with(uri_of(other->file()) + "?mode=ro").run();
    sqlite::Transaction transaction(db);
    db.execute("DELETE FROM moved");
    Merging(db).run(all);
    transaction.commit();
    db.execute("DETACH other");
  }
  return all;
}

}  // namespace bench
