// The rows of one finished trial. Every list keeps its order.
#include <fmt/format.h>

#include <cstring>

#include "results/database.h"

namespace bench {

namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

void write_metrics(sqlite::Connection& db, int64_t trial, const std::vector<MetricRow>& rows) {
  auto insert =
      db.prepare("INSERT INTO metric VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)");
  auto items = db.prepare("INSERT INTO item_scores VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
  int64_t position = 0;
  for (const auto& m : rows) {
    insert
        .with(trial, position++, m.task, m.protocol, m.name, m.value, m.stderr_, m.n, m.unit,
              m.higher_is_better, m.directed)
        .run();
    if (m.items.empty() && m.items_hash.empty()) continue;
    items.with(trial, m.task, m.protocol, m.name, m.items_hash)
        .blob(6, m.items.data(), m.items.size() * sizeof(float))
        .run();
  }
}

void write_pairs(sqlite::Statement insert, int64_t trial, const Pairs& pairs) {
  int64_t position = 0;
  for (const auto& [name, value] : pairs) insert.with(trial, position++, name, value).run();
}

std::vector<MetricRow> read_metrics(sqlite::Connection& db, int64_t trial, bool with_items) {
  auto query = db.prepare(
      "SELECT task, protocol, name, value, stderr, n, unit, higher_is_better, directed FROM metric "
      "WHERE trial = ?1 ORDER BY position");
  auto items = db.prepare(
      "SELECT items_hash, scores FROM item_scores "
      "WHERE trial = ?1 AND task = ?2 AND protocol = ?3 AND name = ?4");
  auto hash_only = db.prepare(
      "SELECT items_hash FROM item_scores "
      "WHERE trial = ?1 AND task = ?2 AND protocol = ?3 AND name = ?4");
  std::vector<MetricRow> rows;
  query.with(trial);
  while (query.step()) {
    MetricRow m{query.text(0),
                query.text(1),
                query.text(2),
                query.real(3),
                query.real(4),
                query.integer(5),
                query.text(6),
                query.integer(7) != 0,
                {},
                "",
                query.integer(8) != 0};
    auto& scores = with_items ? items : hash_only;
    scores.with(trial, m.task, m.protocol, m.name);
    while (scores.step()) {
      m.items_hash = scores.text(0);
      if (!with_items) continue;
      const auto bytes = scores.bytes(1);
      m.items.resize(bytes.size() / sizeof(float));
      if (!m.items.empty()) {
        std::memcpy(m.items.data(), bytes.data(), m.items.size() * sizeof(float));
      }
    }
    rows.push_back(std::move(m));
  }
  return rows;
}

Pairs read_pairs(sqlite::Statement query, int64_t trial) {
  Pairs pairs;
  query.with(trial);
  while (query.step()) pairs.emplace_back(query.text(0), query.text(1));
  return pairs;
}

}  // namespace

void add_verdict(sqlite::Connection& db, int64_t trial, const VerdictRow& v) {
  db.prepare(
        "INSERT INTO verdict SELECT ?1, coalesce(max(position), -1) + 1, ?2, ?3, ?4 FROM verdict "
        "WHERE trial = ?1")
      .with(trial, v.rule, v.ok, v.detail)
      .run();
}

void write_outcome(sqlite::Connection& db, int64_t trial, const Outcome& outcome) {
  // Rows of an earlier run, where one of its tasks had failed.
  for (const char* table : {"metric", "item_scores", "phase", "mask", "verdict", "hash", "note",
                            "environment", "failed_task"})
    db.prepare(fmt::format("DELETE FROM {} WHERE trial = ?1", table)).with(trial).run();
  write_metrics(db, trial, outcome.metrics);
  int64_t position = 0;
  auto phase = db.prepare("INSERT INTO phase VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
  for (const auto& p : outcome.phases) {
    phase
        .with(trial, position++, p.phase, p.seconds, p.peak_rss, p.peak_allocated, p.peak_reserved,
              p.method)
        .run();
  }
  position = 0;
  auto mask = db.prepare("INSERT INTO mask VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
  for (const auto& s : outcome.sparsity) {
    mask.with(trial, position++, s.stage, s.scope, s.name, s.total, s.masked, s.zeros).run();
  }
  for (const auto& v : outcome.verdicts) add_verdict(db, trial, v);
  position = 0;
  auto failed = db.prepare("INSERT INTO failed_task VALUES (?1, ?2, ?3, ?4)");
  for (const auto& f : outcome.failed_tasks) failed.with(trial, position++, f.task, f.why).run();
  write_pairs(db.prepare("INSERT INTO hash VALUES (?1, ?2, ?3, ?4)"), trial, outcome.hashes);
  write_pairs(db.prepare("INSERT INTO note VALUES (?1, ?2, ?3, ?4)"), trial, outcome.notes);
  write_pairs(db.prepare("INSERT INTO environment VALUES (?1, ?2, ?3, ?4)"), trial,
              outcome.environment);
}

Outcome read_outcome(sqlite::Connection& db, int64_t trial, bool with_items) {
  Outcome outcome;
  outcome.metrics = read_metrics(db, trial, with_items);
  auto phase = db.prepare(
      "SELECT phase, seconds, peak_rss, peak_allocated, peak_reserved, method FROM phase "
      "WHERE trial = ?1 ORDER BY position");
  phase.with(trial);
  while (phase.step()) {
    outcome.phases.push_back({phase.text(0), phase.real(1), phase.integer(2), phase.integer(3),
                              phase.integer(4), phase.text(5)});
  }
  auto mask = db.prepare(
      "SELECT stage, scope, name, total, masked, zeros FROM mask WHERE trial = ?1 "
      "ORDER BY position");
  mask.with(trial);
  while (mask.step()) {
    outcome.sparsity.push_back({mask.text(0), mask.text(1), mask.text(2), mask.integer(3),
                                mask.integer(4), mask.integer(5)});
  }
  auto verdict =
      db.prepare("SELECT rule, ok, detail FROM verdict WHERE trial = ?1 ORDER BY position");
  verdict.with(trial);
  while (verdict.step()) {
    outcome.verdicts.push_back({verdict.text(0), verdict.integer(1) != 0, verdict.text(2)});
  }
  auto failed = db.prepare("SELECT task, why FROM failed_task WHERE trial = ?1 ORDER BY position");
  failed.with(trial);
  while (failed.step()) outcome.failed_tasks.push_back({failed.text(0), failed.text(1)});
  outcome.hashes = read_pairs(
      db.prepare("SELECT name, value FROM hash WHERE trial = ?1 ORDER BY position"), trial);
  outcome.notes = read_pairs(
      db.prepare("SELECT name, value FROM note WHERE trial = ?1 ORDER BY position"), trial);
  outcome.environment = read_pairs(
      db.prepare("SELECT name, value FROM environment WHERE trial = ?1 ORDER BY position"), trial);
  return outcome;
}

}  // namespace bench
