#pragma once
#include "reports/pivot.h"

namespace bench {

/// A table as papers print it: what stands in rows, what in columns; everything else is one table
/// each. Cells are those of pivot(): nothing is averaged here but what --mean names.
struct Layout {
  std::string rows = "method";  // method, model, or setting: method, pattern, sparsity
  std::vector<std::string> columns = {"sparsity"};  // task, sparsity (with its pattern), metric
  std::vector<std::string> metrics;                 // empty: the first of each task
  std::vector<std::string> methods, patterns;
  std::vector<double> sparsities;
  std::vector<std::vector<std::string>> means;  // of tasks: a column with their mean and its error
  bool rank = false;                            // a column with the mean rank over the others
};

/// "method", ...: what --rows and --columns take. "pattern" is another name of "sparsity".
const std::vector<std::string>& row_names();
const std::vector<std::string>& column_names();

/// An Error for a name that is none, and for methods, patterns and metrics that no table has.
Report laid_out(const Report& report, const Layout& layout);

/// Structured and unstructured never share a table: the one becomes two, without the lines that
/// have no trial there.
Report split_structures(const Report& report);

}  // namespace bench
