#pragma once
#include <set>
#include <string>
#include <vector>

#include "reports/pivot.h"
#include "reports/published.h"

namespace bench {

/// A printed number beside ours, or why there is none.
struct Reproduced {
  const PublishedRow* row = nullptr;
  double ours = kNone, error = kNone, delta = kNone;  // in the row's unit (accuracies: percent)
  double tolerance = kNone;
  /// same: within the tolerance; differs; INVALID and LEAK as in tables; missing.
  std::string verdict;
  std::string protocol;           // of ours
  std::vector<size_t> trials;     // places in Rows::trials
  std::string reason;             // of a missing one: why
  std::vector<std::string> fill;  // and the overrides of configs/reproduce.yaml that would fill it
};

struct JoinOptions {
  std::map<std::string, std::string> models;  // printed name -> the name in our tables
  std::set<std::string> protocols;            // of ours that may be taken; empty: the paper's own,
                                              // else the only one there is
  /// What a command may choose: the files of configs/criterion and configs/task.
  std::set<std::string> criteria, tasks;
};

/// Joins by model, method, pattern, sparsity, metric and window. A number measured at another
/// window, or by one of several protocols of which none is the paper's, is never taken. Structured
/// rows are joined by the measured share of all parameters (within one point), which is what papers
/// print. A printed mean over tasks is joined where every one of its tasks is there.
std::vector<Reproduced> reproduce(const std::vector<const PublishedRow*>& table,
                                  const Published& published, const Rows& rows,
                                  const JoinOptions& options);

/// "table", "markdown", "latex" or "csv".
std::string render_reproduced(const std::vector<Reproduced>& list, const Rows& rows,
                              const std::string& format);

}  // namespace bench
