#pragma once
#include <string>
#include <vector>

#include "slurm/submission.h"

namespace bench::slurm {

/// How what was handed over stands: the queue and the shards, read and not changed.
struct Standing {
  std::string db;
  int64_t trials = 0, done = 0, failed = 0;  // of the ledger, as it is
  std::string no_queue;                      // why the queue is not known
  struct Job {
    Submission submission;
    bool live = false, merged = false;
    std::string merge;  // the state of the job that merges; empty: not in the queue
    std::vector<Element> elements;
  };
  std::vector<Job> jobs;  // the oldest first
};

Standing standing_of(const std::string& db);
std::string as_text(const Standing& standing);
std::string as_json(const Standing& standing);

}  // namespace bench::slurm
