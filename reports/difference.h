#pragma once
#include <string>
#include <vector>

#include "results/result.h"

namespace bench {

/// One name under which two trials hold different texts; empty where one of them has none.
struct Differing {
  std::string name, a, b;
};

/// One metric of two trials. `items`, where both scored the same list of items, else -1.
struct MetricDifference {
  std::string task, protocol, name;
  double a = kNone, b = kNone;  // NaN: that trial did not measure it
  int64_t items = -1;
  int64_t differing = 0;  // items whose scores are not the same bits
  bool hits = false;      // every score is 0 or 1: an item that differs has flipped
  int64_t gained = 0;     // of those: 0 in A, 1 in B
  int64_t first = -1;     // the first item that differs
  float first_a = 0, first_b = 0;
  int64_t largest = -1;  // the item that differs most
  double by = 0;
};

/// Everything in which two trials differ, by what the ledger holds.
struct TrialDifference {
  std::vector<Differing> settings;     // keys of the configuration that make another trial of it
  std::vector<Differing> inert;        // keys that change no result
  std::vector<Differing> files;        // identity beyond the configuration: bytes of model and data
  std::vector<Differing> environment;  // processor, threads, compiler, version
  std::vector<Differing> hashes;
  std::vector<Differing> sparsity;        // measured zeros, of the model and its tensors
  std::vector<MetricDifference> metrics;  // all that one of them has
  bool same_metrics() const;
};

/// Outcomes with their item scores.
TrialDifference difference(const Trial& a, const Outcome& of_a, const Trial& b,
                           const Outcome& of_b);

/// "1.0e-05 | none": the values of one difference, each at most `most` characters.
std::string both(const Differing& d, size_t most = 60);
/// What became of the items, in a sentence: "3 of 100 items flipped (1 gained, 2 lost), first 7".
std::string items_text(const MetricDifference& m);

}  // namespace bench
