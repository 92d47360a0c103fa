#pragma once
#include <map>

#include "reports/pivot.h"

namespace bench {

// What a whole ledger says about methods, from the tables that bench report prints: mean ranks,
// fronts of quality against cost, the sparsity that leaves quality alone, and how masks overlap.

/// "structured" for groups that leave whole, else "unstructured" (n:m among it): ranks are never
/// taken over both.
bool is_structured(const std::string& pattern);

/// Methods of one model by their mean place over the columns of its tables' first metrics. A column
/// counts where at least two methods have a valid number in it; equal numbers share their place.
struct Ranking {
  struct Row {
    std::string method;
    double mean = kNone;               // 1 is best; of n methods in a column places run from 1 to n
    double low = kNone, high = kNone;  // 95 %, Student's t over columns; one column has none
    int columns = 0;                   // in which it has a number
  };
  std::string model;
  bool structured = false;
  int columns = 0;        // that count
  std::vector<Row> rows;  // the best first; those that lack columns behind, by their own mean
};
std::vector<Ranking> rankings(const Report& report);

/// Quality against what a model costs. A point is a cell; on the front is what no other point of
/// the figure beats in both without being worse in one.
struct Front {
  struct Point {
    std::string method, column;
    double x = 0, y = 0, error = kNone;
    bool dense = false, on_front = false;
    std::vector<size_t> trials;
  };
  std::string model, task, metric, cost, unit;  // cost: "parameters", "macs", "seconds"
  bool higher_is_better = true;
  std::vector<Point> points;
};
/// For each table's first metric with a direction against every metric of cost that the same trials
/// have (tasks size and latency), where it differs between them.
std::vector<Front> fronts(const Report& report);

/// The largest share of zero weights at which a method keeps quality: a perplexity within `loss` of
/// dense, relatively, or an accuracy within it absolutely; linear between measured points.
struct Kept {
  std::string method;
  std::string pattern;
  double sparsity = kNone;  // none: worse at the smallest share that was measured
  bool at_least = false;    // still kept at the largest share that was measured
};
struct IsoQuality {
  std::string model, task, metric;
  double loss = 0, limit = kNone;  // limit: the value that must be kept
  std::vector<Kept> rows;          // the largest first
};
std::vector<IsoQuality> iso_quality(const Report& report);

/// The tables that an overview is of: each task's first metric of ours, if it has a direction.
std::vector<const Table*> leading_tables(const Report& report);

/// A method's colour and shape in all figures of a model: its place among the model's methods.
std::map<std::string, int> series_of(const Report& report, const std::string& model);

}  // namespace bench
