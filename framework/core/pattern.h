#pragma once
#include <string>
#include <vector>

#include "config/config.h"
#include "tensor/tensor.h"

namespace bench {

/// Against what a weight competes. Method: the criterion's own choice (Wanda a row, magnitude a
/// layer).
enum class Contest { Method, Layer, Row };

/// What may be removed, and against what it competes. A closed set, hence a value, not a class
/// tree.
struct Pattern {
  enum Kind { Unstructured, NM, Structured };
  Kind kind = Unstructured;
  Contest contest = Contest::Method;  // Unstructured
  int64_t keep = 0, of = 0;           // NM: KEEP n of m consecutive inputs of a row
  /// NM: a row's last inputs, fewer than m: they keep ceil(rest n / m), or lose min(m - n, rest).
  bool tail_removed = false;
  std::vector<std::string> groups;            // Structured: the kinds of Group
  int64_t exempt_first = 0, exempt_last = 0;  // Structured: blocks left whole at either end
  /// Structured: a share of all parameters (embeddings, norms too), not of what may be removed.
  bool of_parameters = false;
  bool remake = false;  // Structured: ALiBi slopes are made anew for the heads that stay
  /// Structured: what the target is a share of: "weights" of the pattern's units, or macs, acts or
  /// params of the whole model (core/cost.h).
  std::string budget = "weights";
  /// `tie: reference` reproduces the rule of the authors' code where it differs from exact counts
  /// in a stable order (thresholds with <=).
  bool reference_ties = false;

  static Schema schema();
  static Pattern from(const Config& config);
  /// "unstructured", "2:4", "head+neuron": for tables.
  std::string label() const;
  /// Whether it removes whole blocks or sublayers, each a group of one unit: depth pruning.
  bool depth() const;
  /// The share of what it may remove that it always removes (n:m), or nothing.
  double fixed_share() const { return kind == NM ? 1.0 - double(keep) / double(of) : -1; }
};

/// How many of `total` weights go at that ratio: int(total * ratio), as the Wanda family counts.
int64_t removed_weights(int64_t total, double ratio);
/// How many units of a group go: floor((C - int(C (1 - ratio))) / unit_width), C =
/// units*unit_width, in double; LLM-Pruner's local rule (mini_llm.md 4). `at_least` units stay.
int64_t removed_units(int64_t units, int64_t unit_width, double ratio, int64_t at_least = 1);

/// Keep-mask (bool, score's shape) of [rows, columns] scores: drops exactly
/// removed_weights(contest) of the lowest in each contest; of equals the lower index goes first.
/// -inf: already gone. Throws if a score is NaN. `count`, where >= 0, replaces the count of a Layer
/// contest.
Tensor select(const Tensor& score, Contest contest, double ratio, int64_t count = -1);
Tensor select_nm(const Tensor& score, int64_t keep, int64_t of, bool tail_removed = false);
/// n:m as the authors' code leaves equal scores to torch.topk (`tie: reference`).
Tensor select_nm_reference(const Tensor& score, int64_t keep, int64_t of);
/// The `count` lowest of a vector go.
Tensor select_units(const Tensor& score, int64_t count);
/// Reference rule of one matrix: removes every score <= the sorted one at index int(n * ratio).
Tensor select_threshold(const Tensor& score, double ratio);

}  // namespace bench
