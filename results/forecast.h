#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "results/result.h"

namespace bench {

struct Range {
  double low = 0, middle = 0, high = 0;
};

/// Where the next of such values lies in at least four of five cases, if they are drawn alike: from
/// the tenth to the ninetieth percentile by rank; of fewer than nine values their whole range and,
/// the fewer they are, the more beside it. None is an Error.
Range expected_range(std::vector<double> values);

/// What trials have cost on machines of one kind, by a ledger: the forecast of `bench plan`.
class History {
 public:
  /// The finished trials of a ledger whose environment names this device and processor. A ledger of
  /// an older schema says nothing.
  History(const std::string& path, const std::string& device, const std::string& cpu);

  size_t trials() const { return trials_; }
  struct Cost {
    Range seconds;
    Range memory;  // peak of the worker's resident memory, in bytes
  };
  /// By the trials most like it: of the same model and tasks, and of its method and pattern; else
  /// of its method; else of any. Nothing where there is none.
  std::optional<Cost> of(const TrialSpec& trial) const;
  /// What a trial adds to the file, on average.
  double bytes_a_trial() const { return trials_ ? bytes_ / double(trials_) : 0; }

 private:
  struct Values {
    std::vector<double> seconds, memory;
  };
  std::map<std::string, Values> alike_;
  size_t trials_ = 0;
  double bytes_ = 0;
};

/// Sums over trials: low and high are sums as well, since what makes one trial slow makes all slow.
struct Forecast {
  int64_t trials = 0, unknown = 0;  // unknown: of kinds that were never measured, not in the sums
  Range seconds;
  double memory = 0, longest = 0;  // the most of one trial, by its upper end
};
Forecast forecast(const std::vector<const TrialSpec*>& trials, const History& history);

}  // namespace bench
