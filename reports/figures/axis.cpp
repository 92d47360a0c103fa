#include "reports/figures/axis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace bench {

namespace {

/// The round step (1, 2 or 5 times a power of ten) that gives at most `most` marks.
double step_of(double span, int most) {
  const double raw = span / most, power = std::pow(10, std::floor(std::log10(raw)));
  for (const double m : {1.0, 2.0, 5.0})
    if (m * power >= raw * (1 - 1e-9)) return m * power;
  return 10 * power;
}

}  // namespace

Axis::Axis(double low, double high, bool logarithmic, double from, double to)
    : low_(low), high_(high), logarithmic_(logarithmic), from_(from), to_(to) {
  if (low_ == high_) {
    const double margin = 0.05 * (low_ != 0 ? std::abs(low_) : 1);
    low_ -= margin, high_ += margin;
  }
}

double Axis::at(double value) const {
  const double v = std::clamp(value, low_, high_);
  const double share =
      logarithmic_ ? std::log(v / low_) / std::log(high_ / low_) : (v - low_) / (high_ - low_);
  return from_ + share * (to_ - from_);
}

std::vector<std::pair<double, std::string>> Axis::marks() const {
  std::vector<std::pair<double, std::string>> out;
  const auto add = [&](double v) {
    if (v >= low_ * (1 - 1e-12) - 1e-300 && v <= high_ * (1 + 1e-12) + 1e-300)
      out.emplace_back(v, short_number(v));
  };
  const bool decades = logarithmic_ && high_ / low_ >= 6;
  if (!decades) {
    const double step = step_of(high_ - low_, 7);
    for (auto k = std::ceil(low_ / step - 1e-9); k * step <= high_ + 1e-9 * step; ++k)
      add(k == 0 ? 0 : k * step);
    return out;
  }
  const bool few = std::log10(high_ / low_)<2.2, many = std::log10(high_ / low_)> 8;
  for (int p = static_cast<int>(std::floor(std::log10(low_))); std::pow(10, p) <= high_; ++p) {
    if (many && p % 2 != 0) continue;
    for (const double m : few ? std::vector<double>{1, 2, 5} : std::vector<double>{1})
      add(m * std::pow(10, p));
  }
  return out;
}

std::string short_number(double value) {
  const double size = std::abs(value);
  if (value == 0) return "0";
  if (size < 1e-3) return fmt::format("{:.1e}", value);
  struct Unit {
    double of;
    const char* name;
  };
  for (const auto& [of, name] : {Unit{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e4, "k"}})
    if (size >= of) return fmt::format("{:.4g}{}", value / (of == 1e4 ? 1e3 : of), name);
  return fmt::format("{:.4g}", value);
}

}  // namespace bench
