// Opening a ledger, and every step that writes.
#include "results/store.h"

#include <sys/vfs.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/error.h"
#include "results/database.h"
#include "results/schema.h"

namespace bench {

namespace {

namespace fs = std::filesystem;

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

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
  std::string uri = "file:";
  for (const char c : path) {
    const bool plain = c != '?' && c != '#' && c != '%';
    uri += plain ? std::string(1, c) : fmt::format("%{:02x}", static_cast<unsigned char>(c));
  }
  return uri + "?immutable=1";
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

}  // namespace

Store::Database::Database(const std::string& path, Mode mode)
    : connection(name_to_open(path, mode), flags_of(mode)) {
  auto& db = connection;
  const int64_t version = checked_version(db);  // also the first read: a foreign file shows here
  if (mode == Mode::ReadOnly) {
    if (version == schema_version()) return;
    if (version == 0) bench::fail("{}: is an empty database; 'bench run' fills it", path);
    bench::fail("{}: has the older schema {}; 'bench run' with this database brings it up to date",
                path, version);
  }
  if (!on_network(path)) use_wal(db);
  db.execute("PRAGMA synchronous = NORMAL");  // survives a kill; a power cut may lose the last rows
  migrate(db);
}

Store::Store(const std::string& path, Mode mode) : db_(std::make_unique<Database>(path, mode)) {}
Store::~Store() = default;

int64_t Store::submit(const std::vector<TrialSpec>& trials) {
  const std::lock_guard lock(db_->mutex);
  auto& db = db_->connection;
  sqlite::Transaction transaction(db);
  auto insert = db.prepare(
      "INSERT INTO trial (number, id, config, identity, model, method, pattern, sparsity, "
      "share_key, time_limit, submitted) SELECT coalesce(max(number), 0) + 1, ?1, ?2, ?3, ?4, ?5, "
      "?6, ?7, ?8, ?9, ?10 FROM trial WHERE true ON CONFLICT (id) DO NOTHING");
  int64_t added = 0;
  const double submitted = now();
  for (const auto& t : trials) {
    insert
        .with(t.id, t.config, t.identity, t.model, t.method, t.pattern, t.sparsity, t.share_key,
              t.time_limit, submitted)
        .run();
    added += db.changes();
  }
  transaction.commit();
  return added;
}

std::optional<Trial> Store::claim(const Wish& wish) {
  using Json = nlohmann::json;
  const std::string ids = Json(wish.ids).dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string id;
  {
    const std::lock_guard lock(db_->mutex);
    auto& db = db_->connection;
    sqlite::Transaction transaction(db);
    const double time = now();
    auto find = db.prepare(
        "SELECT t.number, t.id FROM json_each(?1) AS wished CROSS JOIN trial AS t "
        "ON t.id = wished.value WHERE t.state IN ('pending', 'interrupted') "
        "OR (t.state = 'running' AND t.lease < ?3) "
        "OR (?4 AND t.finished < ?5 AND (t.state = 'failed' OR (t.state = 'done' AND EXISTS "
        "(SELECT 1 FROM failed_task AS f WHERE f.trial = t.number)))) "
        "ORDER BY t.share_key <> ?2, t.number LIMIT 1");
    if (!find.with(ids, wish.share_key, time, wish.retry_failed, wish.since).step()) return {};
    const int64_t number = find.integer(0);
    id = find.text(1);
    db.prepare(
          "UPDATE trial SET state = 'running', attempts = attempts + 1, worker = ?2, lease = ?3, "
          "started = ?4, finished = 0, error = '' WHERE number = ?1")
        .with(number, wish.worker, time + wish.lease_seconds, time)
        .run();
    transaction.commit();
  }
  return trial(id);
}

bool Store::heartbeat(const std::string& id, const std::string& worker, double lease_seconds) {
  const std::lock_guard lock(db_->mutex);
  auto& db = db_->connection;
  db.prepare("UPDATE trial SET lease = ?3 WHERE id = ?1 AND worker = ?2 AND state = 'running'")
      .with(id, worker, now() + lease_seconds)
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
      .with(id, worker, now())
      .run();
  if (db.changes() == 0) return false;
  int64_t number = 0;
  {
    auto find = db.prepare("SELECT number FROM trial WHERE id = ?1");
    if (find.with(id).step()) number = find.integer(0);
  }
  write_outcome(db, number, outcome);
  transaction.commit();
  return true;
}

bool Store::fail(const std::string& id, const std::string& worker, const std::string& reason) {
  const std::lock_guard lock(db_->mutex);
  auto& db = db_->connection;
  db.prepare(
        "UPDATE trial SET state = 'failed', error = ?3, finished = ?4 "
        "WHERE id = ?1 AND worker = ?2 AND state = 'running'")
      .with(id, worker, reason, now())
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
