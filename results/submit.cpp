// How trials come into a ledger, and how they leave its tables: what counts is one row an id.
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "results/database.h"
#include "results/setting.h"

namespace bench {

namespace {

using Json = nlohmann::ordered_json;

/// Plugins whose source is another one: "criterion wanda, task perplexity"; empty where all that
/// both know is equal.
std::string changed_plugins(const std::string& before, const std::string& now) {
  const auto old = Json::parse(before, nullptr, false), fresh = Json::parse(now, nullptr, false);
  if (!old.is_object() || !fresh.is_object()) return "";
  std::string all;
  for (const auto& [plugin, digest] : fresh.items())
    if (const auto it = old.find(plugin); it != old.end() && *it != digest)
      all += (all.empty() ? "" : ", ") + plugin;
  return all;
}

/// The configuration of a finished trial under the names that the newest one gives it.
std::string relabelled(const std::string& config, const std::string& newest) {
  auto json = Json::parse(config, nullptr, false);
  const auto fresh = Json::parse(newest, nullptr, false);
  if (!json.is_object() || !fresh.is_object()) return config;
  if (fresh.contains("method")) json["method"] = fresh["method"];
  if (json.contains("model") && json["model"].is_object() && fresh.contains("model") &&
      fresh["model"].is_object() && fresh["model"].contains("name"))
    json["model"]["name"] = fresh["model"]["name"];
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

struct Row {
  int64_t number = 0;
  std::string state, code, config, model, method;
  bool failed_task = false;
};

std::optional<Row> row_of(sqlite::Connection& db, const std::string& id) {
  auto query = db.prepare(
      "SELECT number, state, code, config, model, method, EXISTS (SELECT 1 FROM failed_task AS f "
      "WHERE f.trial = t.number) FROM trial AS t WHERE id = ?1");
  if (!query.with(id).step()) return {};
  return Row{query.integer(0), query.text(1), query.text(2),        query.text(3),
             query.text(4),    query.text(5), query.integer(6) != 0};
}

Row existing(sqlite::Connection& db, const std::string& id) {
  auto row = row_of(db, id);
  if (!row) fail("{}: no trial '{}'; 'bench list' shows those that are there", db.path(), id);
  return *std::move(row);
}

void insert(sqlite::Connection& db, const TrialSpec& t, double submitted) {
  const auto s = setting_of(t);
  db.prepare(
        "INSERT INTO trial (number, id, config, identity, model, method, pattern, sparsity, "
        "share_key, time_limit, submitted, kind, weights, settings, seeds) SELECT "
        "coalesce(max(number), 0) + 1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14 "
        "FROM trial")
      .with(t.id, t.config, t.identity, t.model, t.method, t.pattern, t.sparsity, t.share_key,
            t.time_limit, submitted, s.kind, s.weights, s.settings, s.seeds)
      .run();
}

/// Names follow the newest configuration; what is still to be run takes all of it.
void follow(sqlite::Connection& db, const Row& row, const TrialSpec& t) {
  if (row.state == "running") return;
  if (row.state != "done" || row.failed_task) {
    db.prepare(
          "UPDATE trial SET model = ?2, method = ?3, config = ?4, share_key = ?5, time_limit = ?6 "
          "WHERE number = ?1")
        .with(row.number, t.model, t.method, t.config, t.share_key, t.time_limit)
        .run();
    return;
  }
  if (row.model == t.model && row.method == t.method) return;
  db.prepare("UPDATE trial SET model = ?2, method = ?3, config = ?4 WHERE number = ?1")
      .with(row.number, t.model, t.method, relabelled(row.config, t.config))
      .run();
}

}  // namespace

void move_to_past(sqlite::Connection& db, const std::string& id, const std::string& why) {
  auto count = db.prepare("SELECT count(*) FROM trial WHERE id GLOB ?1 || '~*'");
  count.with(id).step();
  const auto past = fmt::format("{}~{}", id, count.integer(0) + 1);
  db.prepare("UPDATE trial SET id = ?2, past = ?3 WHERE id = ?1").with(id, past, why).run();
}

Store::Submitted Store::submit(const std::vector<TrialSpec>& trials, Renew renew) {
  const std::lock_guard lock(db_->mutex);
  auto& db = db_->connection;
  sqlite::Transaction transaction(db);
  Submitted result;
  const double submitted = unix_now();
  for (const auto& t : trials) {
    auto row = row_of(db, t.id);
    if (row && row->state == "done" && renew != Renew::Nothing) {
      const auto changed = changed_plugins(row->code, t.code);
      const bool all = renew == Renew::Everything;
      if (all || !changed.empty()) {
        move_to_past(db, t.id, all ? "measured again" : "the code changed: " + changed);
        ++result.stale;
        row.reset();
        insert(db, t, submitted);
        continue;
      }
    }
    if (row) {
      follow(db, *row, t);
    } else {
      insert(db, t, submitted);
      ++result.added;
    }
  }
  transaction.commit();
  return result;
}

Store::Standing Store::standing(const TrialSpec& t) const {
  const std::lock_guard lock(db_->mutex);
  const auto row = row_of(db_->connection, t.id);
  if (!row) return Standing::Missing;
  if (row->state == "failed") return Standing::Failed;
  if (row->state != "done") return Standing::Open;
  return changed_plugins(row->code, t.code).empty() ? Standing::Done : Standing::Stale;
}

void Store::name(const std::string& id, const std::string& method) {
  const std::lock_guard lock(db_->mutex);
  auto& db = db_->connection;
  sqlite::Transaction transaction(db);
  const auto row = existing(db, id);
  db.prepare("UPDATE trial SET method = ?2, config = ?3 WHERE number = ?1")
      .with(row.number, method, relabelled(row.config, Json{{"method", method}}.dump()))
      .run();
  transaction.commit();
}

void Store::remark(const std::string& id, const std::string& text) {
  const std::lock_guard lock(db_->mutex);
  auto& db = db_->connection;
  const auto row = existing(db, id);
  db.prepare("UPDATE trial SET remark = ?2 WHERE number = ?1").with(row.number, text).run();
}

void Store::audit(const std::string& id, const VerdictRow& verdict) {
  const std::lock_guard lock(db_->mutex);
  auto& db = db_->connection;
  sqlite::Transaction transaction(db);
  const auto row = existing(db, id);
  db.prepare("DELETE FROM verdict WHERE trial = ?1 AND rule = ?2")
      .with(row.number, verdict.rule)
      .run();
  add_verdict(db, row.number, verdict);
  transaction.commit();
}

void Store::remove(const std::string& id, const std::string& reason) {
  const std::lock_guard lock(db_->mutex);
  auto& db = db_->connection;
  sqlite::Transaction transaction(db);
  const auto row = existing(db, id);
  if (row.state == "running")
    bench::fail("trial {} is running; stop its run first, or wait for it", id);
  if (id.find('~') != id.npos) bench::fail("trial {} is of the past already", id);
  move_to_past(db, id, "removed: " + reason);
  transaction.commit();
}

std::vector<Trial> Store::history(const std::string& id) const {
  std::vector<Trial> all;
  for (int k = 1; auto t = trial(fmt::format("{}~{}", id, k)); ++k) all.insert(all.begin(), *t);
  return all;
}

std::string disagreement(sqlite::Connection& db, const std::string& id, const Outcome& outcome) {
  if (outcome.code.empty()) return "";
  auto query = db.prepare(
      "SELECT number, id FROM trial WHERE id GLOB ?1 || '~*' AND state = 'done' AND code = ?2 "
      "ORDER BY number DESC LIMIT 1");
  if (!query.with(id, outcome.code).step()) return "";
  const auto before = read_outcome(db, query.integer(0), false);
  const auto old = query.text(1);
  for (const auto& [name, value] : outcome.hashes)
    for (const auto& [known, other] : before.hashes)
      if (name == known && value != other)
        return fmt::format("{} is another one than in {}, which the same code measured", name, old);
  for (const auto& m : outcome.metrics)
    for (const auto& n : before.metrics)
      if (!m.items_hash.empty() && m.items_hash == n.items_hash && m.task == n.task &&
          m.protocol == n.protocol && m.name == n.name && m.value != n.value)
        return fmt::format("{} {} is {} here and {} in {}, which the same code measured", m.task,
                           m.name, m.value, n.value, old);
  return "";
}

}  // namespace bench
