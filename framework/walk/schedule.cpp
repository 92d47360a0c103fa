#include "walk/schedule.h"

#include <cmath>

#include "base/error.h"

namespace bench {

std::vector<double> schedule_targets(const std::string& kind, int64_t steps, double target) {
  if (kind == "one_shot" || steps <= 1) return {target};
  std::vector<double> all;
  for (int64_t k = 1; k <= steps; ++k) {
    const double t = static_cast<double>(k) / static_cast<double>(steps);
    all.push_back(kind == "linear"  ? target * t
                  : kind == "cubic" ? target * (1 - std::pow(1 - t, 3))
                                    : 1 - std::pow(1 - target, t));
  }
  all.back() = target;
  return all;
}

Schema schedule_schema() {
  return {key("kind", "one_shot", "how the target is reached")
              .one_of({"one_shot", "linear", "cubic", "exponential"}),
          key("steps", 1, "how many times the model is scored and pruned").range(1, 100000)};
}

}  // namespace bench
