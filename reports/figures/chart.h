#pragma once
#include "reports/figures/axis.h"
#include "reports/figures/drawing.h"

namespace bench {

/// A figure with two axes, their marks, names and, on the right, what its series are called.
class Chart {
 public:
  struct Range {
    double low, high;
    bool logarithmic = false;
    std::string name;
  };
  Chart(const std::string& title, const Range& x, const Range& y);

  Drawing& drawing() { return drawing_; }
  double x(double value) const { return x_.at(value); }
  double y(double value) const { return y_.at(value); }
  bool inside(double value) const { return y_.inside(value); }
  double top() const;
  /// Names beside the figure, by series (-1: the dense model); more than a column holds go into
  /// further ones.
  void legend(const std::vector<std::pair<int, std::string>>& names);

 private:
  void frame(const Range& x, const Range& y);

  Drawing drawing_;
  Axis x_, y_;
};

/// Where an axis of losses ends, so that what broke does not flatten what works: at 50 times the
/// best or three times the third quartile, whichever is more.
double edge_of_losses(std::vector<double> values, double best);

/// At most `most` characters, the last one then an ellipsis.
std::string shortened(const std::string& text, size_t most);

}  // namespace bench
