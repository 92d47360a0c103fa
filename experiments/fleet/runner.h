#pragma once
#include <string>
#include <vector>

#include "results/store.h"
#include "trial/trial.h"
#include "fleet/worker_process.h"

namespace bench {

struct RunOptions {
  std::string db = "out/bench.db";
  bool retry_failed = false;
  Store::Renew renew = Store::Renew::Stale;  // which finished trials are measured again
};

/// The keys of `launcher`: how many processes, when to stop.
Schema launcher_schema();

struct RunResult {
  int64_t done = 0, failed = 0, new_trials = 0, already = 0;
  int64_t failed_tasks = 0;  // of trials that are done
  int64_t stale = 0;         // done before by other code, measured again
  int64_t failed_before = 0;  // and left as they were
  bool interrupted = false;  // by a signal: running trials will be run again
  struct Failure {
    std::string trial, name, why;
  };
  std::vector<Failure> failures;  // of all that are failed when it ends
};

/// Runs every trial that nobody has done, each in a worker process: a trial that crashes, runs out
/// of memory or over its time limit becomes a row with the reason, and the sweep goes on. Any
/// number of such calls share one database. Returns when all trials are done or failed, or at the
/// first SIGINT or SIGTERM, with the running ones marked interrupted.
RunResult run_trials(const std::vector<TrialPlan>& trials, const RunOptions& options,
                     WorkerSource& workers);

/// A worker: claims trials of a list until none is left. `wish_file`: JSON written by run_trials.
int work(const std::string& wish_file);

}  // namespace bench
