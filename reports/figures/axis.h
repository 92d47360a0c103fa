#pragma once
#include <string>
#include <utility>
#include <vector>

namespace bench {

/// Values to pixels, linear or by logarithm, with marks at round values.
class Axis {
 public:
  /// `from` and `to` in pixels. low == high is widened; a logarithm needs low > 0.
  Axis(double low, double high, bool logarithmic, double from, double to);

  double at(double value) const;  // clamped to the ends
  bool inside(double value) const { return value >= low_ && value <= high_; }
  double low() const { return low_; }
  double high() const { return high_; }
  bool logarithmic() const { return logarithmic_; }
  /// Where a mark stands and what it says, at most nine of them.
  std::vector<std::pair<double, std::string>> marks() const;

 private:
  double low_, high_;
  bool logarithmic_;
  double from_, to_;
};

/// 1234567 as 1.23M, 0.00012 as 1.2e-4: few digits for an axis.
std::string short_number(double value);

}  // namespace bench
