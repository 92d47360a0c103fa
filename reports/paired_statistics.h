#pragma once
#include <vector>

namespace bench {

/// Two-sided quantile of Student's t: P(|T| <= result) = share, for whole degrees of freedom
/// (Abramowitz and Stegun 26.7.3 and 26.7.4, inverted by bisection).
double student_two_sided(double share, int degrees);

struct Interval {
  double mean, low, high;  // low and high are NaN below two values
};
/// Mean and Student's 95 % interval of independent values.
Interval student_interval(const std::vector<double>& values);

/// Exact two-sided sign-flip (Fisher's permutation) test of paired differences: the share of the
/// 2^k ways to swap the two sides whose mean is at least as far from 0. Above 20 differences
/// 100,000 swaps are drawn from random.Random(0), the observed one counted.
double sign_flip_p(const std::vector<double>& differences);

/// Holm's step-down correction (Holm 1979), in the order given.
std::vector<double> holm(const std::vector<double>& p);

/// Differences item by item of one model: each item's mean over that model's pairs. weight: the
/// model's share of the whole.
struct ItemDifferences {
  std::vector<double> values;
  double weight = 1;
};
/// Normal 95 % interval of the weighted mean, items taken as independent.
Interval item_interval(const std::vector<ItemDifferences>& models);

}  // namespace bench
