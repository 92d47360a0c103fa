#pragma once
#include <string>
#include <vector>

#include "results/store.h"

namespace bench {

/// What tables are made of: everything a ledger says, read once.
struct Rows {
  std::vector<Trial> trials;
  std::vector<Store::MetricOf> metrics;
  std::vector<Store::VerdictOf> broken;
  std::vector<Store::SparsityOf> sparsity;
};
Rows read_rows(const Store& store);

/// One number of a table, or the reason why there is none.
struct Cell {
  enum class Kind { Value, Missing };
  Kind kind = Kind::Missing;
  std::string reason;       // of a missing one: failed, running, not run, not measured, no trial
  double value = kNone;     // mean over the trials
  double error = kNone;     // of one trial its own stderr; of several that of their mean
  double delta = kNone;     // to dense
  double measured = kNone;  // share of the prunable weights that is really zero
  bool best = false;        // of its column; dense, invalid and leaking ones aside
  /// Failed rules that concern it, as "rule: detail (trial id)": they make it INVALID, or warn.
  std::vector<std::string> invalid, warnings;
  std::vector<size_t> trials;  // places in Rows::trials
  std::string spread;          // "3 seeds", "2 settings"; empty for one trial
};

/// What stands before its number in every report: "INVALID", "LEAK" or nothing.
const char* mark_of(const Cell& cell);

/// A pattern and the sparsity that was asked for: method against column is the pivot.
struct Column {
  std::string pattern;
  double sparsity = 0;
  std::string label;  // "unstructured 50%", "2:4"
  std::string model;  // where a table holds several models
};
Column column_of(const Trial& trial);

struct Line {
  std::string method;
  std::vector<Cell> cells;  // one a column; the dense line repeats its value
};

/// Numbers that may be compared: one model, one task with its window, one protocol, one metric.
struct Table {
  std::string model, task, protocol, metric, unit;
  bool higher_is_better = true;
  std::vector<Column> columns;
  std::vector<Line> lines;         // dense first, then by name
  std::vector<std::string> notes;  // what a reader must know: broken verdicts, means
  std::string refused;             // why it would compare what cannot be compared; then no lines
};

struct Report {
  std::vector<Table> tables;
  std::vector<std::string> notes;  // how many trials are done, failed, missing; models without rows
};

/// Empty lists: everything. A task is named with or without its window.
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
