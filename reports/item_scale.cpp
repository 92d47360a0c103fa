#include "reports/item_scale.h"

#include <algorithm>
#include <cmath>

namespace bench {

double on_item_scale(const MetricRow& metric, double value) {
  return metric.unit == "perplexity" ? std::log(value) : value;
}

double error_on_item_scale(const MetricRow& metric, double value, double error) {
  return metric.unit == "perplexity" ? error / value : error;  // d log x = dx / x
}

bool is_mean_of(const MetricRow& metric, const std::vector<float>& items) {
  if (items.empty()) return false;
  double sum = 0;
  for (const float i : items) sum += static_cast<double>(i);
  const double value = on_item_scale(metric, metric.value);
  return std::abs(sum / static_cast<double>(items.size()) - value) <=
         1e-5 * std::max(1.0, std::abs(value));
}

}  // namespace bench
