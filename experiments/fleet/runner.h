#pragma once
#include <functional>
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
  bool wait = false;  // for what was handed to a cluster; a run of this machine always waits

  int cores = 0;                     // 0: this machine's
  bool patient = false;              // a second signal to stop says nothing new
  std::function<void()> after = {};  // called when trials have ended, and now and then
};

struct RunResult {
  int64_t done = 0, failed = 0, new_trials = 0, already = 0;
  int64_t failed_tasks = 0;   // of trials that are done
  int64_t stale = 0;          // done before by other code, measured again
  int64_t failed_before = 0;  // and left as they were
  bool interrupted = false;   // by a signal: running trials will be run again
  int signal = 0;             // which one
  std::string handed_over;    // trials run elsewhere now: what to tell the user
  int64_t unfinished = 0;     // left by a cluster's jobs that have ended
  struct Failure {
    std::string trial, name, why;
  };
  std::vector<Failure> failures;  // of all that are failed when it ends
};

/// Runs every trial that nobody has done, each in a worker process: a trial that crashes, runs out
/// of memory or over its time limit becomes a row with the reason, and the sweep goes on. Any
/// number of such calls share one database. Returns when all trials are done or failed, or at the
/// first SIGINT, SIGTERM or SIGUSR1 (Slurm's warning), with the running ones marked interrupted.
RunResult run_trials(const std::vector<TrialPlan>& trials, const RunOptions& options,
                     WorkerSource& workers);

/// An Error where workers cannot share the database; makes its folder.
void prepare_database(const std::string& db);
/// How these trials stand, into the counts of `result`; returns how many have a failed task.
int64_t count_trials(const Store& store, const std::vector<TrialPlan>& trials, RunResult& result);
/// The failed ones with their reasons, into `result`.
void name_failures(const Store& store, const std::vector<TrialPlan>& trials, RunResult& result);

/// A worker: claims trials of a list until none is left. `wish_file`: JSON written by run_trials.
int work(const std::string& wish_file);

}  // namespace bench
