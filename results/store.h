#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "results/result.h"

namespace bench {

/// The ledger: one SQLite database that any number of processes share. STRICT tables, WAL (rollback
/// journal on a network file system), one writer transaction per step. A row is written whole or
/// not at all; a finished trial is never touched again. Threads may share a Store; a forked child
/// opens its own.
class Store {
 public:
  enum class Mode { ReadWrite, ReadOnly };
  /// Creates and migrates the database where Mode allows it. An unreadable or foreign file, a newer
  /// schema, a missing folder or a full disk is an Error with the path and the remedy.
  explicit Store(const std::string& path, Mode mode = Mode::ReadWrite);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  /// What becomes of finished trials whose plugins' source is another one now.
  enum class Renew { Stale, Nothing, Everything };
  struct Submitted {
    int64_t added = 0, stale = 0;  // stale: moved to the past, to be measured again
  };
  /// Adds the trials that are not there yet, in their order. Of those that are there the labels
  /// follow; what is not done takes the limits of the new command, too. Renew: which finished ones
  /// are measured again (their rows go to the past, `history()`).
  Submitted submit(const std::vector<TrialSpec>& trials, Renew renew = Renew::Nothing);

  /// How finished trials of that id and code would stand: what `plan` says before it runs.
  enum class Standing { Missing, Open, Failed, Done, Stale };
  Standing standing(const TrialSpec& trial) const;

  /// The next trial of `ids` that nobody has done: pending ones, interrupted ones, and running ones
  /// whose lease ran out. Prefers an equal share_key, then the order of submission. One
  /// transaction: two workers never get the same one. The lease lasts lease_seconds unless
  /// heartbeat() renews it. With retry_failed, failed trials and those with a failed task count as
  /// not done (each is tried once per `since`); new rows replace the old ones.
  struct Wish {
    std::vector<std::string> ids;
    std::string worker, share_key;
    double lease_seconds = 60;
    bool retry_failed = false;
    double since = 0;  // Unix seconds: failed trials finished before this may be tried again
  };
  std::optional<Trial> claim(const Wish& wish);
  /// False where the lease was lost to another worker: stop working on it.
  bool heartbeat(const std::string& id, const std::string& worker, double lease_seconds);
  /// False where the lease was lost: nothing is written.
  bool finish(const std::string& id, const std::string& worker, const Outcome& outcome);
  bool fail(const std::string& id, const std::string& worker, const std::string& reason);
  /// A worker that is gone: its running trials become interrupted and are run again.
  int64_t release(const std::string& worker);

  /// Names of models, as stored; where a list of them is given below, only their rows are read.
  using Models = std::vector<std::string>;
  Models models() const;
  std::vector<Trial> trials(const Models& models = {}) const;  // those that count, by number
  /// The same without what is long: configuration, identity, settings and code.
  std::vector<Trial> listed() const;
  /// Rows of the past of one trial, the newest first: their ids are its id with ~1, ~2, ...
  std::vector<Trial> history(const std::string& id) const;
  /// By id, its beginning, or its number; an ambiguous beginning is an Error.
  std::optional<Trial> trial(const std::string& id_or_prefix) const;

  // What people change. An unknown id is an Error.
  void name(const std::string& id, const std::string& method);
  void remark(const std::string& id, const std::string& text);
  /// Adds a verdict on a finished trial that was run again, in place of an earlier one of
  /// that rule.
  void audit(const std::string& id, const VerdictRow& verdict);
  /// Moves it to the past, with the reason; one that is running is an Error.
  void remove(const std::string& id, const std::string& reason);
  Outcome outcome(const std::string& id) const;
  /// Same without item scores (their hash stays): what a page of provenance needs.
  Outcome outcome_without_items(const std::string& id) const;
  /// The item scores of one metric; empty where it has none.
  std::vector<float> items(const std::string& id, const MetricRow& metric) const;
  /// Metrics of all finished trials without their item scores: what tables are made of.
  struct MetricOf {
    std::string trial;
    MetricRow metric;
  };
  std::vector<MetricOf> metrics(const Models& models = {}) const;
  /// Tasks that failed in finished trials.
  struct FailedTaskOf {
    std::string trial;
    FailedTask task;
  };
  std::vector<FailedTaskOf> failed_tasks() const;
  struct VerdictOf {
    std::string trial;
    VerdictRow verdict;
  };
  std::vector<VerdictOf> broken_verdicts(const Models& models = {}) const;
  std::vector<VerdictOf> verdicts(const std::string& rule) const;  // held or broken
  struct SparsityOf {
    std::string trial;
    SparsityRow sparsity;
  };
  /// The rows of scope "model" of all finished trials: the measured sparsity that curves plot.
  std::vector<SparsityOf> model_sparsity(const Models& models = {}) const;

 private:
  struct Database;
  std::unique_ptr<Database> db_;
};

}  // namespace bench
