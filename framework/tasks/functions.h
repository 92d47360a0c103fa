#pragma once
#include <functional>
#include <string>
#include <vector>

#include "hydra/yaml/value.h"

namespace bench {

/// What a Python function of lm-eval's task files makes of one document, rebuilt here; a template
/// of the same effect where there is one.
struct RebuiltFunction {
  std::string as_template;
  std::function<Value(const Value& document)> run;
};

/// Names under which a task file may be known, nearest first: its `task`, its folder, its
/// `dataset_name`, the last part of its `dataset_path`.
using TaskNames = std::vector<std::string>;

/// `written`: "!function module.name". Modules that many tasks have (utils) count with the task's
/// name. Any other function is an Error with the near ones.
RebuiltFunction rebuilt_function(const std::string& written, const TaskNames& task,
                                 const std::string& where);
bool is_wikitext_function(const std::string& function);

/// How a document's results become its values (process_results): "mc2", "record",
/// "hendrycks_math". An unknown function is an Error.
std::string rebuilt_results(const std::string& written, const TaskNames& task,
                            const std::string& where);

/// Whether an aggregation is the mean of the F1 of each class (CommitmentBank's).
bool is_class_mean_f1(const std::string& written);

}  // namespace bench
