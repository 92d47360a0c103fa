#pragma once
#include <vector>

#include "results/result.h"

namespace bench {

/// On the scale on which a metric is the mean of its items: perplexities as logarithms.
double on_item_scale(const MetricRow& metric, double value);
double error_on_item_scale(const MetricRow& metric, double value, double error);
/// Is the metric's value, on that scale, the mean of its item scores (to single precision)?
bool is_mean_of(const MetricRow& metric, const std::vector<float>& items);

}  // namespace bench
