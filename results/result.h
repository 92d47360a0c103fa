#pragma once
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace bench {

// The rows that a trial leaves: strings and numbers, nothing else. Whoever measures writes them,
// whoever reports reads them; the two meet only in the database.

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();  // stored as NULL

struct MetricRow {
  std::string task;      // "wikitext2@512": the window is part of the name
  std::string protocol;  // "wanda@8e8fc87"
  std::string name;      // "ppl", "acc", "acc_norm"
  double value = kNone, stderr_ = kNone;
  int64_t n = 0;
  std::string unit;
  bool higher_is_better = true;
  std::vector<float> items;  // one score per item, in the order of the item list
  std::string items_hash;    // rows may be compared item by item only where it is equal
  bool directed = true;      // false: neither more nor less is better, as of a count
};

/// A task that could not be measured: the other tasks of its trial stand.
struct FailedTask {
  std::string task;  // its key in the configuration
  std::string why;   // one sentence
};

struct PhaseRow {
  std::string phase;  // load, calibrate, prune, evaluate
  double seconds = 0;
  int64_t peak_rss = 0;                           // bytes; of the process, see method
  int64_t peak_allocated = 0, peak_reserved = 0;  // bytes on a GPU, 0 without one
  std::string method;                             // how it was measured
};

struct SparsityRow {
  std::string stage;  // "prune", "shrink"
  std::string scope;  // "tensor", "block", "model"
  std::string name;   // the tensor, the block's number, or the denominator
  int64_t total = 0, masked = 0, zeros = 0;
};

struct VerdictRow {
  std::string rule;
  bool ok = true;
  std::string detail;
};

/// What a finished trial found; written whole, in one transaction, or not at all.
struct Outcome {
  std::vector<MetricRow> metrics;
  std::vector<FailedTask> failed_tasks;
  std::vector<PhaseRow> phases;
  std::vector<SparsityRow> sparsity;
  std::vector<VerdictRow> verdicts;
  /// Name -> SHA-256: weights, pruned weights, mask, tokenizer, data.
  std::vector<std::pair<std::string, std::string>> hashes;
  /// Free text of the method, e.g. p_i of the zeroth-order passes: name -> JSON.
  std::vector<std::pair<std::string, std::string>> notes;
  std::vector<std::pair<std::string, std::string>>
      environment;  // cpu, threads, torch, version, ...
  /// JSON: the digest of the source of each plugin that took part ("criterion wanda": "5f0c..."),
  /// and the revision of the program (git describe). Empty: not known.
  std::string code, revision;
};

/// A trial as it is submitted: its configuration is frozen here and never read from files again.
struct TrialSpec {
  std::string id;        // digest of the identity
  std::string config;    // JSON, complete
  std::string identity;  // JSON, what the id digests
  // What tables pivot on; all of it also stands in the config.
  std::string model, method, pattern;
  double sparsity = 0;    // as asked for: share of what the pattern can remove
  std::string share_key;  // trials with an equal key share most work and run next to each other
  double time_limit = 0;  // seconds, 0: none
  std::string code;       // Outcome::code of the program that submits it
};

struct Trial : TrialSpec {
  int64_t number = 0;  // order of submission
  std::string state;   // pending, running, done, failed, interrupted
  int64_t attempts = 0;
  std::string error;  // of a failed one: one sentence
  std::string worker;
  double submitted = 0, started = 0, finished = 0;  // Unix seconds, 0: not yet
  std::string kind, weights, settings, seeds;       // results/setting.h
  std::string revision;                             // of the program that measured it
  std::string past;    // why it counts no more and stands in no table; empty: it counts
  std::string remark;  // of a person
};

}  // namespace bench
