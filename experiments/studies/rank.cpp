#include "studies/rank.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/philox.h"

namespace bench {
namespace {

std::vector<double> ranks(const std::vector<double>& x) {
  std::vector<size_t> order(x.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t i, size_t j) { return x[i] < x[j]; });
  std::vector<double> r(x.size());
  for (size_t i = 0; i < order.size();) {
    size_t end = i + 1;
    while (end < order.size() && x[order[end]] == x[order[i]]) ++end;
    for (size_t k = i; k < end; ++k) r[order[k]] = static_cast<double>(i + end - 1) / 2;
    i = end;
  }
  return r;
}

}  // namespace

double spearman(const std::vector<double>& a, const std::vector<double>& b) {
  const auto x = ranks(a), y = ranks(b);
  const double middle = (static_cast<double>(a.size()) - 1) / 2;
  double xy = 0, xx = 0, yy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - middle) * (y[i] - middle);
    xx += (x[i] - middle) * (x[i] - middle);
    yy += (y[i] - middle) * (y[i] - middle);
  }
  return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : 0;
}

double kendall(const std::vector<double>& a, const std::vector<double>& b) {
  double together = 0, in_a = 0, in_b = 0;
  for (size_t i = 0; i < a.size(); ++i)
    for (size_t j = i + 1; j < a.size(); ++j) {
      const double x = a[i] - a[j], y = b[i] - b[j];
      if (x != 0) ++in_a;
      if (y != 0) ++in_b;
      if (x * y > 0) ++together;
      if (x * y < 0) --together;
    }
  return in_a > 0 && in_b > 0 ? together / std::sqrt(in_a * in_b) : 0;
}

double overlap(const std::vector<double>& a, const std::vector<double>& b, double share) {
  const auto n = std::max<size_t>(1, static_cast<size_t>(share * static_cast<double>(a.size())));
  const auto lowest = [&](const std::vector<double>& x) {
    std::vector<size_t> order(x.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t i, size_t j) { return x[i] < x[j]; });
    order.resize(n);
    std::sort(order.begin(), order.end());
    return order;
  };
  const auto x = lowest(a), y = lowest(b);
  std::vector<size_t> both;
  std::set_intersection(x.begin(), x.end(), y.begin(), y.end(), std::back_inserter(both));
  return static_cast<double>(both.size()) / static_cast<double>(n);
}

std::pair<double, double> bootstrap(
    const std::vector<double>& a, const std::vector<double>& b,
    const std::function<double(const std::vector<double>&, const std::vector<double>&)>& of,
    int64_t rounds, uint64_t seed) {
  const auto n = static_cast<int64_t>(a.size());
  std::vector<double> found, u(a.size()), x(a.size()), y(a.size());
  for (int64_t r = 0; r < rounds; ++r) {
    kernels::fill_uniform({seed, kernels::fnv1a("bootstrap"), kernels::Purpose::Training}, r * n, n,
                          u.data());
    for (size_t i = 0; i < u.size(); ++i) {
      const auto k = static_cast<size_t>(u[i] * static_cast<double>(n));
      x[i] = a[k], y[i] = b[k];
    }
    found.push_back(of(x, y));
  }
  std::sort(found.begin(), found.end());
  const auto at = [&](double q) {
    return found[static_cast<size_t>(q * static_cast<double>(found.size() - 1))];
  };
  return {at(0.025), at(0.975)};
}

}  // namespace bench
