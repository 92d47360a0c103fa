#include "results/schema.h"

#include <iterator>
#include <utility>
#include <vector>

#include "base/error.h"
#include "results/setting.h"

namespace bench {

namespace {

// Migration i leads from version i to i + 1. A published one never changes; add the next instead.
// Rows of a trial are keyed by its number and their position, so that reading gives the order of
// writing. Numbers that may be absent are REAL without NOT NULL: NaN is NULL.
struct Migration {
  const char* sql;
  void (*fill)(sqlite::Connection&) = nullptr;  // what SQL cannot work out from what is there
};

/// The columns of results/setting.h, for trials that were submitted without them.
void fill_settings(sqlite::Connection& db) {
  std::vector<std::pair<int64_t, Setting>> all;
  {
    auto query = db.prepare("SELECT number, identity, pattern FROM trial");
    while (query.step()) {
      TrialSpec trial;
      trial.identity = query.text(1);
      trial.pattern = query.text(2);
      all.emplace_back(query.integer(0), setting_of(trial));
    }
  }
  auto update = db.prepare(
      "UPDATE trial SET kind = ?2, weights = ?3, settings = ?4, seeds = ?5 WHERE number = ?1");
  for (const auto& [number, s] : all)
    update.with(number, s.kind, s.weights, s.settings, s.seeds).run();
}

const Migration kMigrations[] = {
    {R"sql(
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
)sql"},
    {R"sql(
CREATE TABLE failed_task (
  trial INTEGER NOT NULL REFERENCES trial (number),
  position INTEGER NOT NULL,
  task TEXT NOT NULL,
  why TEXT NOT NULL,
  PRIMARY KEY (trial, position)
) STRICT, WITHOUT ROWID;
)sql"},
    // What tables sort by stands in columns; what a trial was measured with; rows that no longer
    // count. Empty: not known, as of every trial of an older ledger.
    {R"sql(
ALTER TABLE trial ADD COLUMN kind TEXT NOT NULL DEFAULT '';
ALTER TABLE trial ADD COLUMN weights TEXT NOT NULL DEFAULT '';
ALTER TABLE trial ADD COLUMN settings TEXT NOT NULL DEFAULT '';
ALTER TABLE trial ADD COLUMN seeds TEXT NOT NULL DEFAULT '';
ALTER TABLE trial ADD COLUMN code TEXT NOT NULL DEFAULT '';
ALTER TABLE trial ADD COLUMN revision TEXT NOT NULL DEFAULT '';
ALTER TABLE trial ADD COLUMN past TEXT NOT NULL DEFAULT '';
ALTER TABLE trial ADD COLUMN remark TEXT NOT NULL DEFAULT '';
ALTER TABLE metric ADD COLUMN directed INTEGER NOT NULL DEFAULT 1;
CREATE INDEX trial_waiting ON trial (number) WHERE state IN ('pending', 'interrupted');
CREATE INDEX trial_shared ON trial (share_key, number) WHERE state IN ('pending', 'interrupted');
)sql",
     fill_settings},
    // One model of a ledger of a million rows is read without the others.
    {"CREATE INDEX trial_model ON trial (model);"},
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
  for (int64_t v = checked_version(db); v < schema_version(); ++v) {
    db.execute(kMigrations[v].sql);
    if (kMigrations[v].fill) kMigrations[v].fill(db);
  }
  db.execute(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}", kApplicationId,
                         schema_version())
                 .c_str());
  transaction.commit();
}

}  // namespace bench
