#pragma once
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "results/store.h"

namespace bench {

/// What tables are made of: everything a ledger says, read once.
struct Rows {
  std::vector<Trial> trials;
  std::vector<Store::MetricOf> metrics;
  std::vector<Store::VerdictOf> broken;
  std::vector<Store::SparsityOf> sparsity;
  std::vector<std::pair<std::string, std::string>> given;  // model and method as they were called
  /// The scores of a number's items; empty where there are none.
  std::function<std::vector<float>(const std::string& trial, const MetricRow& metric)> items;
  /// All else that a trial left, without the scores of items.
  std::function<Outcome(const std::string& trial)> outcome;
};
/// Every row that counts, under names that tell apart what differs (distinguish.h). The store has
/// to stay as long as its items are asked for.
Rows read_rows(const Store& store);
Rows read_rows(Store&& store) = delete;
/// The rows of several ledgers. A trial that stands in more than one counts once, the first; where
/// its scored numbers differ it is INVALID reruns_disagree.
/// `models`: only the rows of these, as they were called; all where one of them is in no ledger, so
/// that who asked for it can be told.
Rows read_rows(const std::vector<const Store*>& stores,
               const std::vector<std::string>& models = {});

/// One number of a table, or the reason why there is none.
struct Cell {
  enum class Kind { Value, Missing };
  Kind kind = Kind::Missing;
  std::string reason;          // of a missing one: failed, running, not run, not measured, no trial
  double value = kNone;        // mean over the seeds
  double error = kNone;        // its standard error, of both parts:
  double error_items = kNone;  // as if other items had been asked
  double error_seeds = kNone;  // as if other seeds had been drawn; of one trial not known
  double delta = kNone;        // to dense
  double measured = kNone;     // share of the prunable weights that is really zero
  bool best = false;           // of its column, or not to be told from the best of it (best.h)
  /// Failed rules that concern it, as "rule: detail (trial id)": they make it INVALID, or warn.
  std::vector<std::string> invalid, warnings;
  std::vector<size_t> trials;  // places in Rows::trials
  std::string spread;          // "3 seeds"; empty for one
};

/// What stands before its number in every report: "INVALID", "LEAK" or nothing.
const char* mark_of(const Cell& cell);

/// A pattern and the sparsity that was asked for: method against column is the pivot.
struct Column {
  std::string pattern;
  double sparsity = 0;
  std::string label;  // "unstructured 50%", "2:4"
  std::string model;  // where a table holds several models
  // Where a table holds several of them (layout.h).
  std::string task, protocol, metric, unit;
  bool higher_is_better = true, directed = true;
};
Column column_of(const Trial& trial);

struct Line {
  std::string method;
  bool dense = false;       // the baseline, whatever it is called
  std::vector<Cell> cells;  // one a column; the dense line repeats its value
};

/// Numbers that may be compared: one model, one task with its window, one protocol, one metric.
struct Table {
  std::string model, task, protocol, metric, unit;
  bool higher_is_better = true;
  bool directed = true;  // else nothing in it is the best
  std::vector<Column> columns;
  std::vector<Line> lines;         // dense first, then by name
  std::vector<std::string> notes;  // what a reader must know: broken verdicts, means
  std::string title;               // in place of model, task and protocol, where columns say them
  std::string row_head = "method";
  bool foreign = false;  // numbers of other programs: no ranking and no comparison takes them
};

struct Report {
  std::vector<Table> tables;
  std::vector<std::string> notes;  // how many trials are done, failed, missing; models without rows
};

/// Empty lists: everything. A model is named with or without its weights' digest, a task with or
/// without its window and its items' digest.
struct Selection {
  std::vector<std::string> models, tasks, protocols;
  bool across_models = false;  // models side by side, where all is measured alike (across.h)
};

/// An unknown model, task or protocol is an Error with the near ones.
void check_selection(const Rows& rows, const Selection& selection);
bool selected(const Selection& selection, const std::string& model, const MetricRow& metric);

/// Names as check_selection() takes them.
Report pivot(const Rows& rows, const Selection& selection);

}  // namespace bench
