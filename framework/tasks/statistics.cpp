#include "tasks/statistics.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <map>
#include <thread>

#include "base/python_random.h"

namespace bench {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double weighted_mean(const std::vector<Weighted>& values) {
  double sum = 0, weight = 0;
  for (const auto& v : values) sum += v.value, weight += v.weight;
  return sum / weight;
}

}  // namespace

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const auto v : values) sum += v;
  return sum / static_cast<double>(values.size());
}

double median(std::vector<double> values) {
  if (values.empty()) return kNaN;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];  // lm-eval's: the upper one of two
}

double sample_stddev(const std::vector<double>& values) {
  if (values.size() < 2) return kNaN;
  const double middle = mean(values);
  double spread = 0;
  for (const auto v : values) spread += (v - middle) * (v - middle);
  return std::sqrt(spread / static_cast<double>(values.size() - 1));
}

double mean_stderr(const std::vector<double>& values) {
  return sample_stddev(values) / std::sqrt(static_cast<double>(values.size()));
}

double perplexity_of(const std::vector<double>& log_likelihoods) {
  return std::exp(-mean(log_likelihoods));
}

double weighted_perplexity(const std::vector<Weighted>& values) {
  return std::exp(-weighted_mean(values));
}

double bits_per_byte(const std::vector<Weighted>& values) {
  return -weighted_mean(values) / std::log(2.0);
}

double expected_calibration_error(const std::vector<Surety>& answers, int64_t bins) {
  std::vector<double> gaps(static_cast<size_t>(bins), 0);  // right minus sure, summed
  for (const auto& a : answers) {
    if (std::isnan(a.probability)) return kNaN;
    const auto bin = std::ceil(a.probability * static_cast<double>(bins)) - 1;
    const auto place = std::clamp(bin, 0.0, static_cast<double>(bins - 1));
    gaps[static_cast<size_t>(place)] += (a.right ? 1 : 0) - a.probability;
  }
  double sum = 0;
  for (const double gap : gaps) sum += std::abs(gap);
  return sum / static_cast<double>(answers.size());
}

double f1_score(const std::vector<Answer>& answers) {
  double hit = 0, wrong = 0;
  for (const auto& a : answers) {
    hit += a.gold == 1 && a.predicted == 1;
    wrong += (a.gold == 1) != (a.predicted == 1);
  }
  return hit + wrong == 0 ? 0 : 2 * hit / (2 * hit + wrong);
}

double class_mean_f1(const std::vector<Answer>& answers) {
  double sum = 0;
  for (int64_t label = 0; label < 3; ++label) {
    std::vector<Answer> binary;
    for (const auto& a : answers) binary.push_back({a.gold == label, a.predicted == label});
    sum += f1_score(binary);
  }
  return sum / 3;
}

double matthews(const std::vector<Answer>& answers) {
  std::map<int64_t, double> gold, predicted;
  double correct = 0;
  const auto n = static_cast<double>(answers.size());
  for (const auto& a : answers) {
    ++gold[a.gold];
    ++predicted[a.predicted];
    correct += a.gold == a.predicted;
  }
  double both = 0, gold_square = 0, predicted_square = 0;
  for (const auto& [label, count] : gold) {
    gold_square += count * count;
    const auto it = predicted.find(label);
    if (it != predicted.end()) both += count * it->second;
  }
  for (const auto& [label, count] : predicted) predicted_square += count * count;
  const double below = (n * n - predicted_square) * (n * n - gold_square);
  return below == 0 ? 0 : (correct * n - both) / std::sqrt(below);
}

double bootstrap_stderr(int64_t n, int64_t iterations,
                        const std::function<double(const std::vector<int64_t>&)>& statistic,
                        int threads) {
  if (n == 0 || iterations < 2) return kNaN;
  const int64_t chunk = std::min<int64_t>(1000, iterations), chunks = iterations / chunk;
  std::vector<double> replicates(static_cast<size_t>(chunks * chunk));
  std::atomic<int64_t> next{0};
  const auto work = [&] {
    for (int64_t i; (i = next++) < chunks;) {
      PythonRandom random(static_cast<uint64_t>(i));
      for (int64_t k = 0; k < chunk; ++k)
        replicates[static_cast<size_t>(i * chunk + k)] = statistic(random.choices(n, n));
    }
  };
  std::vector<std::thread> pool;
  for (int t = 1; t < threads; ++t) pool.emplace_back(work);
  work();
  for (auto& t : pool) t.join();
  return sample_stddev(replicates);
}

double pooled_stderr(const std::vector<GroupError>& groups) {
  double n = 0, spread = 0;
  for (const auto& g : groups) {
    const auto size = static_cast<double>(g.n);
    n += size;
    spread += (size - 1) * g.stderr_ * g.stderr_ * size;
  }
  return std::sqrt(spread / (n - static_cast<double>(groups.size())) / n);
}

}  // namespace bench
