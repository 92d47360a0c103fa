#include "tasks/choices.h"

#include <algorithm>
#include <cmath>

namespace bench {
namespace {

std::vector<double> divided(const std::vector<double>& sums, const std::vector<int64_t>& lengths) {
  std::vector<double> out;
  for (size_t i = 0; i < sums.size(); ++i) out.push_back(sums[i] / static_cast<double>(lengths[i]));
  return out;
}

}  // namespace

size_t first_maximum(const std::vector<double>& values) {
  return static_cast<size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

std::vector<double> per_character(const Question& q, const std::vector<double>& sums) {
  return divided(sums, q.characters);
}

std::vector<double> per_byte(const Question& q, const std::vector<double>& sums) {
  return divided(sums, q.bytes);
}

bool is_right(const Question& q, size_t choice) {
  return std::find(q.right.begin(), q.right.end(), static_cast<int64_t>(choice)) != q.right.end();
}

double right_mass(const Question& question, const std::vector<double>& sums) {
  const double largest = *std::max_element(sums.begin(), sums.end());
  double all = 0, right = 0;
  for (size_t i = 0; i < sums.size(); ++i) {
    const double p = std::exp(sums[i] - largest);
    all += p;
    if (is_right(question, i)) right += p;
  }
  return right / all;
}

double brier(const std::vector<double>& sums, int64_t gold) {
  const double top = *std::max_element(sums.begin(), sums.end());
  double total = 0;
  for (const double s : sums) total += std::exp(s - top);
  double distance = 0;
  for (size_t i = 0; i < sums.size(); ++i) {
    const double off =
        std::exp(sums[i] - top) / total - (static_cast<int64_t>(i) == gold ? 1.0 : 0.0);
    distance += off * off;
  }
  return distance;
}

double probability_of_best(const std::vector<double>& sums) {
  const double top = *std::max_element(sums.begin(), sums.end());
  if (std::isinf(top)) return 1 / static_cast<double>(sums.size());
  double total = 0;
  for (const double s : sums) total += std::exp(s - top);
  return 1 / total;
}

}  // namespace bench
