#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/file_digest.h"
#include "results/result.h"
#include "slurm/queue.h"

namespace bench::slurm {

/// An array that was submitted. Its folder holds this (submission.json), the scripts, the logs, and
/// for each element K the ledger of its share: shard-K.db, with the trials frozen in it.
struct Submission {
  std::string folder, db;  // absolute
  int64_t job = 0;
  int64_t merge = 0;  // the job that brings the shards into the ledger; 0: none
  int64_t elements = 0;
  int64_t timeout_min = 0, signal_delay_s = 0, max_num_timeout = 0;
  double submitted = 0;          // Unix seconds
  std::vector<KnownFile> files;  // what the plan read, so that no element reads it all again
  bool operator==(const Submission& other) const { return folder == other.folder; }
};

void write_submission(const Submission& submission, const std::string& folder);
/// An Error where the file is not there or none of ours.
Submission read_submission(const std::string& folder);

/// The submissions of a ledger, the oldest first, from the list beside it (DB.slurm). Those whose
/// folder is gone are left out.
std::vector<Submission> submissions_of(const std::string& db);
void list_submission(const Submission& submission);

std::string shard_of(const Submission& submission, int64_t element);
/// Writes a ledger with these trials, all of them still to be done.
void freeze(const std::vector<TrialSpec>& trials, const std::string& path);
/// Copies a ledger that is being worked on, whole and as one file: beside its place, then renamed,
/// so that no reader ever sees half of it.
void publish(const std::string& ledger, const std::string& place);

/// All shards are in the ledger, and nobody works on them any more.
bool is_merged(const Submission& submission);
/// Brings the shards of these into their ledger; those of which no element is in the queue any
/// more are known as merged from then on, if the queue is known. What has come already changes
/// nothing.
void gather(const std::vector<Submission>& submissions,
            const std::optional<std::vector<Queued>>& queue);

/// The same of a ledger before a run on this machine, where there may be no Slurm: then nothing is
/// known as merged. Returns the jobs that still work on it.
std::vector<int64_t> bring_in(const std::string& db);

/// How often an element has reached its time limit.
int64_t timeouts_of(const Submission& submission, int64_t element);
void count_timeout(const Submission& submission, int64_t element);

/// A shard is one process's: who began last owns it. An element that lost its node may still run
/// there while another one has taken its place.
void own(const Submission& submission, int64_t element, const std::string& who);
bool owns(const Submission& submission, int64_t element, const std::string& who);

/// How an element stands.
struct Element {
  int64_t number = 0;
  std::string state, reason, time;  // of the queue; empty: it is not there
  int64_t trials = 0, done = 0, failed = 0, timeouts = 0;
};
std::vector<Element> elements_of(const Submission& submission, const std::vector<Queued>& queue);

/// Ids that elements in the queue still work on.
std::vector<std::string> in_flight(const std::vector<Submission>& submissions,
                                   const std::vector<Queued>& queue);

}  // namespace bench::slurm
