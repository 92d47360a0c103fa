// Everything that only reads.
#include <algorithm>

#include "base/error.h"
#include "results/database.h"

namespace bench {

namespace {

#define TRIAL_COLUMNS                                                                  \
  "SELECT number, id, config, identity, model, method, pattern, sparsity, share_key, " \
  "time_limit, state, attempts, error, worker, submitted, started, finished FROM trial "

Trial read_trial(const sqlite::Statement& q) {
  Trial t;
  t.number = q.integer(0);
  t.id = q.text(1);
  t.config = q.text(2);
  t.identity = q.text(3);
  t.model = q.text(4);
  t.method = q.text(5);
  t.pattern = q.text(6);
  t.sparsity = q.real(7);
  t.share_key = q.text(8);
  t.time_limit = q.real(9);
  t.state = q.text(10);
  t.attempts = q.integer(11);
  t.error = q.text(12);
  t.worker = q.text(13);
  t.submitted = q.real(14);
  t.started = q.real(15);
  t.finished = q.real(16);
  return t;
}

int64_t number_of(sqlite::Connection& db, const std::string& id) {
  auto query = db.prepare("SELECT number FROM trial WHERE id = ?1");
  if (!query.with(id).step()) {
    fail("{}: no trial '{}'; 'bench list' shows those that are there", db.path(), id);
  }
  return query.integer(0);
}

}  // namespace

std::vector<Trial> Store::trials() const {
  const std::lock_guard lock(db_->mutex);
  std::vector<Trial> trials;
  auto query = db_->connection.prepare(TRIAL_COLUMNS "ORDER BY number");
  while (query.step()) trials.push_back(read_trial(query));
  return trials;
}

std::optional<Trial> Store::trial(const std::string& id_or_prefix) const {
  const std::lock_guard lock(db_->mutex);
  auto& db = db_->connection;
  auto exact = db.prepare(TRIAL_COLUMNS "WHERE id = ?1");
  if (exact.with(id_or_prefix).step()) return read_trial(exact);
  auto query = db.prepare(TRIAL_COLUMNS "WHERE substr(id, 1, length(?1)) = ?1 ORDER BY id LIMIT 4");
  query.with(id_or_prefix);
  std::vector<Trial> found;
  while (query.step()) found.push_back(read_trial(query));
  if (found.empty()) return {};
  if (found.size() == 1) return found.front();
  std::string names;
  for (size_t i = 0; i < std::min<size_t>(found.size(), 3); ++i) {
    names += (i ? ", " : "") + found[i].id;
  }
  // Qualified: the class has a fail() of its own.
  bench::fail("{}: '{}' is the beginning of several trials ({}{}); give more of the id", db.path(),
              id_or_prefix, names, found.size() > 3 ? ", ..." : "");
}

Outcome Store::outcome(const std::string& id) const {
  const std::lock_guard lock(db_->mutex);
  const sqlite::Transaction one_state(db_->connection, sqlite::Transaction::Kind::Read);
  return read_outcome(db_->connection, number_of(db_->connection, id), true);
}

Outcome Store::outcome_without_items(const std::string& id) const {
  const std::lock_guard lock(db_->mutex);
  const sqlite::Transaction one_state(db_->connection, sqlite::Transaction::Kind::Read);
  return read_outcome(db_->connection, number_of(db_->connection, id), false);
}

std::vector<Store::MetricOf> Store::metrics() const {
  const std::lock_guard lock(db_->mutex);
  auto query = db_->connection.prepare(
      "SELECT t.id, m.task, m.protocol, m.name, m.value, m.stderr, m.n, m.unit, "
      "m.higher_is_better, coalesce(i.items_hash, '') FROM metric AS m "
      "JOIN trial AS t ON t.number = m.trial LEFT JOIN item_scores AS i ON i.trial = m.trial "
      "AND i.task = m.task AND i.protocol = m.protocol AND i.name = m.name WHERE t.state = 'done' "
      "ORDER BY m.trial, m.position");
  std::vector<MetricOf> rows;
  while (query.step()) {
    rows.push_back({query.text(0),
                    {query.text(1),
                     query.text(2),
                     query.text(3),
                     query.real(4),
                     query.real(5),
                     query.integer(6),
                     query.text(7),
                     query.integer(8) != 0,
                     {},
                     query.text(9)}});
  }
  return rows;
}

std::vector<Store::FailedTaskOf> Store::failed_tasks() const {
  const std::lock_guard lock(db_->mutex);
  auto query = db_->connection.prepare(
      "SELECT t.id, f.task, f.why FROM failed_task AS f JOIN trial AS t ON t.number = f.trial "
      "WHERE t.state = 'done' ORDER BY f.trial, f.position");
  std::vector<FailedTaskOf> rows;
  while (query.step()) rows.push_back({query.text(0), {query.text(1), query.text(2)}});
  return rows;
}

std::vector<Store::VerdictOf> Store::broken_verdicts() const {
  const std::lock_guard lock(db_->mutex);
  auto query = db_->connection.prepare(
      "SELECT t.id, v.rule, v.detail FROM verdict AS v JOIN trial AS t ON t.number = v.trial "
      "WHERE NOT v.ok ORDER BY v.trial, v.position");
  std::vector<VerdictOf> rows;
  while (query.step()) rows.push_back({query.text(0), {query.text(1), false, query.text(2)}});
  return rows;
}

std::vector<Store::SparsityOf> Store::model_sparsity() const {
  const std::lock_guard lock(db_->mutex);
  auto query = db_->connection.prepare(
      "SELECT t.id, s.stage, s.name, s.total, s.masked, s.zeros FROM mask AS s "
      "JOIN trial AS t ON t.number = s.trial WHERE s.scope = 'model' ORDER BY s.trial, s.position");
  std::vector<SparsityOf> rows;
  while (query.step()) {
    rows.push_back({query.text(0),
                    {query.text(1), "model", query.text(2), query.integer(3), query.integer(4),
                     query.integer(5)}});
  }
  return rows;
}

}  // namespace bench
