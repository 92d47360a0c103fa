#include "results/schema.h"

#include <iterator>

#include "base/error.h"

namespace bench {

namespace {

// Migration i leads from version i to i + 1. A published one never changes; add the next instead.
// Rows of a trial are keyed by its number and their position, so that reading gives the order of
// writing. Numbers that may be absent are REAL without NOT NULL: NaN is NULL.
constexpr const char* kMigrations[] = {
    R"sql(
CREATE TABLE trial (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  config TEXT NOT NULL,
  identity TEXT NOT NULL,
  model TEXT NOT NULL,
  method TEXT NOT NULL,
  pattern TEXT NOT NULL,
  sparsity REAL,
  share_key TEXT NOT NULL,
  time_limit REAL,
  state TEXT NOT NULL DEFAULT 'pending'
    CHECK (state IN ('pending', 'running', 'done', 'failed', 'interrupted')),
  attempts INTEGER NOT NULL DEFAULT 0,
  error TEXT NOT NULL DEFAULT '',
  worker TEXT NOT NULL DEFAULT '',
  lease REAL NOT NULL DEFAULT 0,
  submitted REAL NOT NULL,
  started REAL NOT NULL DEFAULT 0,
  finished REAL NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX trial_worker ON trial (worker) WHERE state = 'running';

CREATE TABLE metric (
  trial INTEGER NOT NULL REFERENCES trial (number),
  position INTEGER NOT NULL,
  task TEXT NOT NULL,
  protocol TEXT NOT NULL,
  name TEXT NOT NULL,
  value REAL,
  stderr REAL,
  n INTEGER NOT NULL,
  unit TEXT NOT NULL,
  higher_is_better INTEGER NOT NULL,
  PRIMARY KEY (trial, task, protocol, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE item_scores (
  trial INTEGER NOT NULL REFERENCES trial (number),
  task TEXT NOT NULL,
  protocol TEXT NOT NULL,
  name TEXT NOT NULL,
  items_hash TEXT NOT NULL,
  scores BLOB NOT NULL,
  UNIQUE (trial, task, protocol, name)
) STRICT;

CREATE TABLE phase (
  trial INTEGER NOT NULL REFERENCES trial (number),
  position INTEGER NOT NULL,
  phase TEXT NOT NULL,
  seconds REAL,
  peak_rss INTEGER NOT NULL,
  peak_allocated INTEGER NOT NULL,
  peak_reserved INTEGER NOT NULL,
  method TEXT NOT NULL,
  PRIMARY KEY (trial, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE mask (
  trial INTEGER NOT NULL REFERENCES trial (number),
  position INTEGER NOT NULL,
  stage TEXT NOT NULL,
  scope TEXT NOT NULL,
  name TEXT NOT NULL,
  total INTEGER NOT NULL,
  masked INTEGER NOT NULL,
  zeros INTEGER NOT NULL,
  PRIMARY KEY (trial, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE verdict (
  trial INTEGER NOT NULL REFERENCES trial (number),
  position INTEGER NOT NULL,
  rule TEXT NOT NULL,
  ok INTEGER NOT NULL,
  detail TEXT NOT NULL,
  PRIMARY KEY (trial, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE hash (
  trial INTEGER NOT NULL REFERENCES trial (number),
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (trial, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE note (
  trial INTEGER NOT NULL REFERENCES trial (number),
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (trial, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE environment (
  trial INTEGER NOT NULL REFERENCES trial (number),
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (trial, position)
) STRICT, WITHOUT ROWID;
)sql",
    R"sql(
CREATE TABLE failed_task (
  trial INTEGER NOT NULL REFERENCES trial (number),
  position INTEGER NOT NULL,
  task TEXT NOT NULL,
  why TEXT NOT NULL,
  PRIMARY KEY (trial, position)
) STRICT, WITHOUT ROWID;
)sql",
};

}  // namespace

int64_t schema_version() {
  return static_cast<int64_t>(std::size(kMigrations));
}

int64_t checked_version(sqlite::Connection& db) {
  const int64_t tables = db.number("SELECT count(*) FROM sqlite_schema");
  if (tables == 0) return 0;
  if (db.number("PRAGMA application_id") != kApplicationId) {
    fail("{}: is an SQLite database, but no ledger of bench; give another place with --db",
         db.path());
  }
  const int64_t version = db.number("PRAGMA user_version");
  if (version > schema_version()) {
    fail(
        "{}: was written by a newer bench (schema {}, this one knows {}); update bench or give "
        "another place with --db",
        db.path(), version, schema_version());
  }
  return version;
}

void migrate(sqlite::Connection& db) {
  if (checked_version(db) == schema_version()) return;  // the usual case takes no lock
  sqlite::Transaction transaction(db);
  for (int64_t v = checked_version(db); v < schema_version(); ++v) db.execute(kMigrations[v]);
  db.execute(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}", kApplicationId,
                         schema_version())
                 .c_str());
  transaction.commit();
}

}  // namespace bench
