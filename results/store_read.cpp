// Everything that only reads.
#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "results/database.h"

namespace bench {

namespace {

#define TRIAL_COLUMNS                                                                  \
  "SELECT number, id, config, identity, model, method, pattern, sparsity, share_key, " \
  "time_limit, state, attempts, error, worker, submitted, started, finished, kind, "   \
  "weights, settings, seeds, code, revision, past, remark FROM trial "

#define LISTED_COLUMNS                                                                      \
  "SELECT number, id, '', '', model, method, pattern, sparsity, '', time_limit, state, "    \
  "attempts, error, worker, submitted, started, finished, kind, '', '', '', '', '', past, " \
  "remark FROM trial "

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
  t.kind = q.text(17);
  t.weights = q.text(18);
  t.settings = q.text(19);
  t.seeds = q.text(20);
  t.code = q.text(21);
  t.revision = q.text(22);
  t.past = q.text(23);
  t.remark = q.text(24);
  return t;
}

/// "65" as the number of a trial; ids begin with as many digits by chance only where they are long.
int64_t number_in(const std::string& text) {
  if (text.empty() || text.size() > 7 || text.find_first_not_of("0123456789") != text.npos)
    return 0;
  return std::stoll(text);
}

/// A query of trials `t`, of all models or of those in its one parameter.
std::string of_models(const std::string& query, const Store::Models& models,
                      const std::string& order) {
  const char* some = models.empty() ? " " : " AND t.model IN (SELECT value FROM json_each(?1)) ";
  return query + some + order;
}

void bind_models(sqlite::Statement& query, const Store::Models& models) {
  std::string list;
  for (const auto& m : models) {
    list += list.empty() ? "[\"" : ",\"";
    for (const char c : m) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\')
        list += std::string("\\") + c;
      else if (byte < 0x20)
        list += fmt::format("\\u{:04x}", byte);
      else
        list += c;
    }
    list += '"';
  }
  if (!models.empty()) query.with(list + "]");
}

int64_t number_of(sqlite::Connection& db, const std::string& id) {
  auto query = db.prepare("SELECT number FROM trial WHERE id = ?1");
  if (!query.with(id).step()) {
    fail("{}: no trial '{}'; 'bench list' shows those that are there", db.path(), id);
  }
  return query.integer(0);
}

}  // namespace

Store::Models Store::models() const {
  const std::lock_guard lock(db_->mutex);
  Models names;
  auto query = db_->connection.prepare("SELECT DISTINCT model FROM trial ORDER BY model");
  while (query.step()) names.push_back(query.text(0));
  return names;
}

std::vector<Trial> Store::trials(const Models& models) const {
  const std::lock_guard lock(db_->mutex);
  std::vector<Trial> trials;
  auto query = db_->connection.prepare(
      of_models(TRIAL_COLUMNS "AS t WHERE t.past = ''", models, "ORDER BY t.number"));
  bind_models(query, models);
  while (query.step()) trials.push_back(read_trial(query));
  return trials;
}

std::vector<Trial> Store::listed() const {
  const std::lock_guard lock(db_->mutex);
  std::vector<Trial> trials;
  auto query = db_->connection.prepare(LISTED_COLUMNS "WHERE past = '' ORDER BY number");
  while (query.step()) trials.push_back(read_trial(query));
  return trials;
}

std::optional<Trial> Store::trial(const std::string& id_or_prefix) const {
  const std::lock_guard lock(db_->mutex);
  auto& db = db_->connection;
  auto exact = db.prepare(TRIAL_COLUMNS "WHERE id = ?1");
  if (exact.with(id_or_prefix).step()) return read_trial(exact);
  if (const auto number = number_in(id_or_prefix)) {
    auto by_number = db.prepare(TRIAL_COLUMNS "WHERE number = ?1");
    if (by_number.with(number).step()) return read_trial(by_number);
  }
  auto query = db.prepare(TRIAL_COLUMNS
                          "WHERE substr(id, 1, length(?1)) = ?1 AND past = '' ORDER BY id LIMIT 4");
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

std::vector<float> Store::items(const std::string& id, const MetricRow& metric) const {
  const std::lock_guard lock(db_->mutex);
  auto query = db_->connection.prepare(
      "SELECT scores FROM item_scores WHERE trial = (SELECT number FROM trial WHERE id = ?1) "
      "AND items_hash = ?2 AND name = ?3 AND protocol = ?4");
  query.with(id, metric.items_hash, metric.name, metric.protocol);
  if (!query.step()) return {};
  const auto bytes = query.bytes(0);
  std::vector<float> items(bytes.size() / sizeof(float));
  if (!items.empty()) std::memcpy(items.data(), bytes.data(), items.size() * sizeof(float));
  return items;
}

std::vector<Store::MetricOf> Store::metrics(const Models& models) const {
  const std::lock_guard lock(db_->mutex);
  auto query = db_->connection.prepare(of_models(
      "SELECT t.id, m.task, m.protocol, m.name, m.value, m.stderr, m.n, m.unit, "
      "m.higher_is_better, coalesce(i.items_hash, ''), m.directed FROM metric AS m "
      "JOIN trial AS t ON t.number = m.trial LEFT JOIN item_scores AS i ON i.trial = m.trial "
      "AND i.task = m.task AND i.protocol = m.protocol AND i.name = m.name WHERE t.state = 'done' "
      "AND t.past = ''",
      models, "ORDER BY m.trial, m.position"));
  bind_models(query, models);
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
                     query.text(9),
                     query.integer(10) != 0}});
  }
  return rows;
}

std::vector<Store::FailedTaskOf> Store::failed_tasks() const {
  const std::lock_guard lock(db_->mutex);
  auto query = db_->connection.prepare(
      "SELECT t.id, f.task, f.why FROM failed_task AS f JOIN trial AS t ON t.number = f.trial "
      "WHERE t.state = 'done' AND t.past = '' ORDER BY f.trial, f.position");
  std::vector<FailedTaskOf> rows;
  while (query.step()) rows.push_back({query.text(0), {query.text(1), query.text(2)}});
  return rows;
}

std::vector<Store::VerdictOf> Store::broken_verdicts(const Models& models) const {
  const std::lock_guard lock(db_->mutex);
  auto query = db_->connection.prepare(of_models(
      "SELECT t.id, v.rule, v.detail FROM verdict AS v JOIN trial AS t ON t.number = v.trial "
      "WHERE NOT v.ok AND t.past = ''",
      models, "ORDER BY v.trial, v.position"));
  bind_models(query, models);
  std::vector<VerdictOf> rows;
  while (query.step()) rows.push_back({query.text(0), {query.text(1), false, query.text(2)}});
  return rows;
}

std::vector<Store::VerdictOf> Store::verdicts(const std::string& rule) const {
  const std::lock_guard lock(db_->mutex);
  auto query = db_->connection.prepare(
      "SELECT t.id, v.rule, v.ok, v.detail FROM verdict AS v JOIN trial AS t ON t.number = v.trial "
      "WHERE v.rule = ?1 AND t.past = '' ORDER BY v.trial, v.position");
  query.with(rule);
  std::vector<VerdictOf> rows;
  while (query.step())
    rows.push_back({query.text(0), {query.text(1), query.integer(2) != 0, query.text(3)}});
  return rows;
}

std::vector<Store::SparsityOf> Store::model_sparsity(const Models& models) const {
  const std::lock_guard lock(db_->mutex);
  auto query = db_->connection.prepare(
      of_models("SELECT t.id, s.stage, s.name, s.total, s.masked, s.zeros FROM mask AS s "
                "JOIN trial AS t ON t.number = s.trial WHERE s.scope = 'model' AND t.past = ''",
                models, "ORDER BY s.trial, s.position"));
  bind_models(query, models);
  std::vector<SparsityOf> rows;
  while (query.step()) {
    rows.push_back({query.text(0),
                    {query.text(1), "model", query.text(2), query.integer(3), query.integer(4),
                     query.integer(5)}});
  }
  return rows;
}

}  // namespace bench
