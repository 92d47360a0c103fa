#pragma once
#include <functional>

#include "reports/pivot.h"

namespace bench {

/// Which trials are written, besides the selection of models, tasks and protocols.
struct ExportFilter {
  std::vector<std::string> methods, patterns;  // empty: all
  std::vector<double> sparsities;
};

struct Exported {
  int64_t trials = 0, files = 0;
  std::vector<std::string> notes;  // what was left out, and why
};

/// An unknown name is an Error with the near ones.
void check_export(const Rows& rows, const Selection& selection, const ExportFilter& filter);

/// Gets a path below the folder of the export and the file's text.
using WriteFile = std::function<void(const std::string& path, const std::string& text)>;

/// Writes finished trials in the layout of lm-eval 0.4.13 (lm_eval/loggers/evaluation_tracker.py):
/// a folder a model and setting, in it results_DATE.json and samples_TASK_DATE.jsonl for each
/// trial, DATE being when it finished. What lm-eval knows and the ledger does not (prompts,
/// targets, answers, versions of tasks) is left out, and so are sizes and speeds, which ask no
/// items, numbers marked INVALID, and foreign rows. A score that is not of its metric's own scale
/// is called METRIC_item. The same ledger gives the same bytes.
Exported export_lm_eval(const Rows& rows, const Selection& selection, const ExportFilter& filter,
                        const WriteFile& write);

}  // namespace bench
