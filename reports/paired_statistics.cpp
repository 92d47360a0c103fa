#include "reports/paired_statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "base/python_random.h"

namespace bench {

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kNormal = 1.959963984540054;  // P(|Z| <= this) = 0.95

double within(double t, int degrees) {
  const double angle = std::atan(t / std::sqrt(static_cast<double>(degrees)));
  const double cosine = std::cos(angle), square = cosine * cosine;
  const bool odd = degrees % 2 == 1;
  double term = odd ? cosine : 1, sum = degrees == 1 ? 0 : term;
  for (int k = odd ? 3 : 2; k < degrees; k += 2) {
    term *= square * static_cast<double>(k - 1) / static_cast<double>(k);
    sum += term;
  }
  return odd ? 2 / std::numbers::pi * (angle + std::sin(angle) * sum) : std::sin(angle) * sum;
}

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// Of the mean.
double squared_error(const std::vector<double>& values) {
  const double mean = mean_of(values), n = static_cast<double>(values.size());
  double squares = 0;
  for (const double v : values) squares += (v - mean) * (v - mean);
  return squares / (n - 1) / n;
}

/// How many of the ways to choose the signs from place i on lead at least as far as `least`.
double reached(const std::vector<double>& d, size_t i, double sum, double least) {
  if (i == d.size()) return std::abs(sum) >= least ? 1 : 0;
  return reached(d, i + 1, sum + d[i], least) + reached(d, i + 1, sum - d[i], least);
}

double drawn(const std::vector<double>& d, double least) {
  constexpr int kDraws = 100000;
  PythonRandom random(0);
  int hits = 1;
  for (int i = 0; i < kDraws; ++i) {
    double sum = 0;
    for (const double v : d) sum += random.getrandbits(1) ? v : -v;
    hits += std::abs(sum) >= least;
  }
  return static_cast<double>(hits) / (kDraws + 1);
}

}  // namespace

double student_two_sided(double share, int degrees) {
  double low = 0, high = 1;
  while (within(high, degrees) < share) high *= 2;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (within(middle, degrees) < share ? low : high) = middle;
  }
  return high;
}

Interval student_interval(const std::vector<double>& values) {
  if (values.empty()) return {kNan, kNan, kNan};
  const double mean = mean_of(values);
  if (values.size() < 2) return {mean, kNan, kNan};
  const double half = student_two_sided(0.95, static_cast<int>(values.size()) - 1) *
                      std::sqrt(squared_error(values));
  return {mean, mean - half, mean + half};
}

double sign_flip_p(const std::vector<double>& differences) {
  constexpr size_t kExact = 20;
  double sum = 0, size = 0;
  for (const double d : differences) sum += d, size += std::abs(d);
  const double least = std::abs(sum) - 1e-12 * size;  // equal sums may round differently
  if (differences.size() > kExact) return drawn(differences, least);
  return reached(differences, 0, 0, least) / std::pow(2, static_cast<double>(differences.size()));
}

std::vector<double> holm(const std::vector<double>& p) {
  std::vector<size_t> order(p.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return p[a] < p[b]; });
  std::vector<double> adjusted(p.size());
  double largest = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    largest = std::max(largest, std::min(1.0, static_cast<double>(p.size() - i) * p[order[i]]));
    adjusted[order[i]] = largest;
  }
  return adjusted;
}

Interval item_interval(const std::vector<ItemDifferences>& models) {
  double mean = 0, squares = 0;
  for (const auto& m : models) {
    if (m.values.size() < 2) return {kNan, kNan, kNan};
    mean += m.weight * mean_of(m.values);
    squares += m.weight * m.weight * squared_error(m.values);
  }
  if (models.empty()) return {kNan, kNan, kNan};
  const double half = kNormal * std::sqrt(squares);
  return {mean, mean - half, mean + half};
}

}  // namespace bench
