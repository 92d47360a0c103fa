#pragma once
#include <string>
#include <vector>

#include "trial/trial.h"
#include "fleet/worker_process.h"

namespace bench {

struct RunOptions {
  std::string db = "out/bench.db";
  bool retry_failed = false;
};

/// The keys of `launcher`: how many processes, when to stop.
Schema launcher_schema();

struct RunResult {
  int64_t done = 0, failed = 0, new_trials = 0, already = 0;
  int64_t failed_tasks = 0;  // of trials that are done
};

/// Runs every trial that nobody has done, each in a worker process: a trial that crashes, runs out
/// of memory or over its time limit becomes a row with the reason, and the sweep goes on. Any
/// number of such calls share one database. Returns when all trials are done or failed.
RunResult run_trials(const std::vector<TrialPlan>& trials, const RunOptions& options,
                     WorkerSource& workers);

/// A worker: claims trials of a list until none is left. `wish_file`: JSON written by run_trials.
int work(const std::string& wish_file);

}  // namespace bench
