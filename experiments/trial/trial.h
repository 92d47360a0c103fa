#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "hydra/compose/compose.h"
#include "config/reference.h"
#include "core/method.h"
#include "core/task.h"
#include "results/result.h"

namespace bench {

/// One resolved configuration, every plugin's part completed by its own schema.
struct TrialPlan {
  TrialSpec spec;
  Value config;                    // of a plan of several, the first one's alone: trees are large
  std::vector<std::string> tasks;  // their labels
};

/// The keys of a trial outside its plugins, and of its parts that are none.
Schema trial_schema();
Schema model_schema();
/// One key for each task that can be measured by several protocols: what its tasks follow unless
/// they name another.
Schema protocol_schema();
/// Every key that a configuration may hold.
std::vector<Declared> declared_keys();

/// Completes and checks a job: unknown names and keys, wrong types, patterns that a criterion
/// cannot rank, missing data and models. Every mistake is one sentence; no weight is read.
TrialPlan plan_trial(const Value& job, std::vector<std::string>& mistakes);

struct Planned {
  std::vector<TrialPlan> trials;  // in order, duplicates dropped
  size_t duplicates = 0;
  std::vector<std::string> mistakes;  // each once
};
/// The jobs are let go one by one as they are planned.
Planned plan_jobs(std::vector<Job> jobs);

/// Nothing is pruned: sparsity 0 under a pattern that removes only what it is asked to.
bool is_dense(const Value& config);
Method method_from(const Value& config);
/// `update` of a configuration, which may be absent, one, or a list of them.
std::vector<Value> updates_of(const Value& config);
std::vector<std::pair<std::string, std::unique_ptr<Task>>> tasks_from(const Value& config);
std::filesystem::path model_path(const Value& config);

}  // namespace bench
