// Opening a ledger, and every step that writes.
#include "results/store.h"

#include <sys/vfs.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "results/database.h"
#include "results/schema.h"

namespace bench {

namespace {

namespace fs = std::filesystem;

fs::path folder_of(const std::string& path) {
  const auto folder = fs::path(path).parent_path();
  return folder.empty() ? fs::path(".") : folder;
}

/// WAL needs memory that all processes share, which a network file system does not give.
bool on_network(const std::string& path) {
  struct statfs about {};
  if (statfs(folder_of(path).c_str(), &about) != 0) return false;
  switch (static_cast<uint32_t>(about.f_type)) {
    case 0x6969:      // NFS
    case 0x517B:      // SMB
    case 0xFF534D42:  // CIFS
    case 0xFE534D42:  // SMB 2
    case 0x0BD00BD0:  // Lustre
    case 0x47504653:  // GPFS
    case 0x00C36400:  // Ceph
    case 0x01021997:  // 9p
      return true;
    default:
      return false;
  }
}

/// The name to open: in a folder that cannot be written SQLite cannot make the shared memory of
/// WAL, so a file that nobody can be writing is opened as immutable.
std::string name_to_open(const std::string& path, Store::Mode mode) {
  std::error_code ignored;
  const fs::path folder = folder_of(path);
  if (!fs::is_directory(folder, ignored)) {
    fail("{}: the folder '{}' does not exist; create it or give another place with --db", path,
         folder.string());
  }
  if (fs::is_directory(path, ignored)) fail("{}: is a folder; give a file with --db", path);
  if (mode == Store::Mode::ReadWrite) return path;
  if (!fs::exists(path, ignored)) {
    fail("{}: there is no such database; 'bench run' makes it, or give another one with --db",
         path);
  }
  const bool log = fs::exists(path + "-wal", ignored) && fs::file_size(path + "-wal", ignored) > 0;
  if (log || access(folder.c_str(), W_OK) == 0) return path;
  return uri_of(path) + "?immutable=1";
}

int flags_of(Store::Mode mode) {
  return SQLITE_OPEN_URI | SQLITE_OPEN_EXRESCODE |
         (mode == Store::Mode::ReadOnly ? SQLITE_OPEN_READONLY
                                        : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
}

/// Another process may be doing the same; SQLite does not wait for that lock by itself.
void use_wal(sqlite::Connection& db) {
  for (int wait = 0;; ++wait) {
    char* message = nullptr;
    const int code =
        sqlite3_exec(db.handle(), "PRAGMA journal_mode = WAL", nullptr, nullptr, &message);
    const std::string text = message ? message : "";
    sqlite3_free(message);
    if (code == SQLITE_OK) return;
    const bool busy = (code & 0xff) == SQLITE_BUSY && wait < sqlite::kBusyMilliseconds / 10;
    if (!busy) sqlite::fail_with(code, db.path(), text.c_str());
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

/// The number of the trial to run next, 0 where none is left.
int64_t next_of(sqlite::Connection& db, const Store::Wish& wish, double time) {
  const auto first = [](sqlite::Statement query) { return query.step() ? query.integer(0) : 0; };
  // From the few that wait to the wish, never from the wish's hundred thousand ids to the trials.
  const auto wished = [](const char* index) {
    return fmt::format("SELECT number FROM trial AS t {} WHERE +t.id IN wish.ids AND ", index);
  };
  const std::string waiting = "state IN ('pending', 'interrupted') ";
  auto shared = db.prepare(wished("INDEXED BY trial_shared") + waiting +
                           "AND share_key = ?1 ORDER BY number LIMIT 1");
  if (shared.with(wish.share_key).step()) return shared.integer(0);
  if (const auto next = first(
          db.prepare(wished("INDEXED BY trial_waiting") + waiting + "ORDER BY number LIMIT 1")))
    return next;
  auto lost = db.prepare(wished("INDEXED BY trial_worker") +
                         "state = 'running' AND lease < ?1 ORDER BY number LIMIT 1");
  if (lost.with(time).step()) return lost.integer(0);
  if (!wish.retry_failed) return 0;
  auto again = db.prepare(wished("") +
                          "finished < ?1 AND (state = 'failed' OR (state = 'done' AND EXISTS "
                          "(SELECT 1 FROM failed_task AS f WHERE f.trial = t.number))) "
                          "ORDER BY share_key <> ?2, number LIMIT 1");
  return again.with(wish.since, wish.share_key).step() ? again.integer(0) : 0;
}

}  // namespace

std::string uri_of(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path) {
    const bool plain = c != '?' && c != '#' && c != '%';
    uri += plain ? std::string(1, c) : fmt::format("%{:02x}", static_cast<unsigned char>(c));
  }
  return uri;
}

void Store::Database::wish(const std::vector<std::string>& ids) {
  if (wished == ids) return;
  if (!wished)
    connection.execute(
        "ATTACH ':memory:' AS wish; CREATE TABLE wish.ids (id TEXT PRIMARY KEY) WITHOUT ROWID");
  connection.execute("DELETE FROM wish.ids");
  auto insert = connection.prepare("INSERT OR IGNORE INTO wish.ids VALUES (?1)");
  for (const auto& id : ids) insert.with(id).run();
  wished = ids;
}

Store::Database::Database(const std::string& path, Mode mode)
    : connection(name_to_open(path, mode), flags_of(mode)) {
  auto& db = connection;
  const int64_t version = checked_version(db);  // also the first read: a foreign file shows here
  if (mode == Mode::ReadOnly) {
    if (version == schema_version()) return;
    if (version == 0) bench::fail("{}: is an empty database; 'bench run' fills it", path);
    // A reader leaves the file as it is: it looks at a copy that has been brought up to date.
    db.become_copy();
    migrate(db);
    return;
  }
  if (!on_network(path)) use_wal(db);
  db.execute("PRAGMA synchronous = NORMAL");  // survives a kill; a power cut may lose the last rows
  migrate(db);
}

Store::Store(const std::string& path, Mode mode) : db_(std::make_unique<Database>(path, mode)) {}
Store::~Store() = default;

std::optional<Trial> Store::claim(const Wish& wish) {
  std::string id;
  {
    const std::lock_guard lock(db_->mutex);
    auto& db = db_->connection;
    db_->wish(wish.ids);
    sqlite::Transaction transaction(db);
    const double time = unix_now();
    const int64_t number = next_of(db, wish, time);
    if (number == 0) return {};
    db.prepare(
          "UPDATE trial SET state = 'running', attempts = attempts + 1, worker = ?2, lease = ?3, "
          "started = ?4, finished = 0, error = '' WHERE number = ?1")
        .with(number, wish.worker, time + wish.lease_seconds, time)
        .run();
    auto find = db.prepare("SELECT id FROM trial WHERE number = ?1");
    find.with(number).step();
    id = find.text(0);
    transaction.commit();
  }
  return trial(id);
}

bool Store::heartbeat(const std::string& id, const std::string& worker, double lease_seconds) {
  const std::lock_guard lock(db_->mutex);
  auto& db = db_->connection;
  db.prepare("UPDATE trial SET lease = ?3 WHERE id = ?1 AND worker = ?2 AND state = 'running'")
      .with(id, worker, unix_now() + lease_seconds)
      .run();
  return db.changes() > 0;
}

bool Store::finish(const std::string& id, const std::string& worker, const Outcome& outcome) {
  const std::lock_guard lock(db_->mutex);
  auto& db = db_->connection;
  sqlite::Transaction transaction(db);
  db.prepare(
        "UPDATE trial SET state = 'done', error = '', finished = ?3 "
        "WHERE id = ?1 AND worker = ?2 AND state = 'running'")
      .with(id, worker, unix_now())
      .run();
  if (db.changes() == 0) return false;
  int64_t number = 0;
  {
    auto find = db.prepare("SELECT number FROM trial WHERE id = ?1");
    if (find.with(id).step()) number = find.integer(0);
  }
  db.prepare("UPDATE trial SET code = ?2, revision = ?3 WHERE number = ?1")
      .with(number, outcome.code, outcome.revision)
      .run();
  write_outcome(db, number, outcome);
  if (const auto detail = disagreement(db, id, outcome); !detail.empty())
    add_verdict(db, number, {"reruns_disagree", false, detail});
  transaction.commit();
  return true;
}

bool Store::fail(const std::string& id, const std::string& worker, const std::string& reason) {
  const std::lock_guard lock(db_->mutex);
  auto& db = db_->connection;
  db.prepare(
        "UPDATE trial SET state = 'failed', error = ?3, finished = ?4 "
        "WHERE id = ?1 AND worker = ?2 AND state = 'running'")
      .with(id, worker, reason, unix_now())
      .run();
  return db.changes() > 0;
}

int64_t Store::release(const std::string& worker) {
  const std::lock_guard lock(db_->mutex);
  auto& db = db_->connection;
  db.prepare("UPDATE trial SET state = 'interrupted' WHERE worker = ?1 AND state = 'running'")
      .with(worker)
      .run();
  return db.changes();
}

}  // namespace bench
