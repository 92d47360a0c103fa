#pragma once
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "config/config.h"

namespace bench {

/// The part of a training in which masks move, and how far they are there (Zhu and Gupta 2017,
/// arXiv 1710.01878: a cubic ramp, steep at first).
struct Ramp {
  static Schema schema(double begin = 0, double end = 0.75, int64_t every = 100) {
    return {key("begin", begin, "share of the training at which masks begin to move").range(0, 1),
            key("end", end, "share of the training behind which masks stay").range(0, 1),
            key("every", static_cast<int>(every), "steps between two moves").at_least(1)};
  }
  explicit Ramp(const Config& c)
      : begin(c.get<double>("begin")), end(c.get<double>("end")), every(c.get<int64_t>("every")) {
    if (end <= begin) fail("{}: end must be behind begin", c.path());
  }
  int64_t first(int64_t total) const { return std::llround(begin * static_cast<double>(total)); }
  int64_t last(int64_t total) const { return std::llround(end * static_cast<double>(total)); }
  bool moves(int64_t step, int64_t total) const {
    return step >= first(total) && step <= last(total) && (step - first(total)) % every == 0;
  }
  /// 0 to 1 between the two.
  double share(int64_t step, int64_t total) const {
    const auto whole = static_cast<double>(std::max<int64_t>(last(total) - first(total), 1));
    return std::clamp(static_cast<double>(step - first(total)) / whole, 0.0, 1.0);
  }
  double cubic(int64_t step, int64_t total) const {
    const double left = 1 - share(step, total);
    return 1 - left * left * left;
  }

  double begin, end;
  int64_t every;
};

}  // namespace bench
