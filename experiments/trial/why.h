#pragma once
#include "trial/run_trial.h"

namespace bench {

/// A computation that shows itself; a trial's is watch_trial().
using Watched = std::function<void(const Watch&)>;

/// The levels of a computation that a Watch is shown, in the order in which they arise.
const std::vector<std::string>& watched_levels();

/// What one level of two computations has in common.
struct LevelDivergence {
  std::string level;
  int64_t entries = 0;    // under names that either has
  int64_t differing = 0;  // other values, or there in one only
  std::string name;       // the first of those, in the order of arising; empty: none
  std::string place;      // a sentence: where in it, both values, how many differ
};

struct Divergence {
  std::vector<LevelDivergence> levels;  // those that either shows
  int64_t first = -1;                   // the one that parts first; pruning goes block by block
  /// "LEVEL/NAME" -> value_hash of all that was shown, in its order.
  std::vector<std::pair<std::string, std::string>> a, b;
};

/// Where two computations part. Runs A, then B, then A again as far as is needed to show the
/// values: never more than one entry a level is held.
Divergence find_divergence(const Watched& a, const Watched& b);

/// "position 17: 403 | 405 (3 of 48 differ)" for values of that level that differ.
std::string place_of(const std::string& level, const Tensor& a, const Tensor& b);

}  // namespace bench
