#pragma once
#include <cstdint>
#include <functional>
#include <vector>

namespace bench {

/// Aggregates over documents as lm-eval computes them, and their standard errors (evaluation.md 7).

double mean(const std::vector<double>& values);
double median(std::vector<double> values);
/// Sample standard deviation (n - 1); NaN below two values.
double sample_stddev(const std::vector<double>& values);
/// Sample standard deviation / sqrt(n).
double mean_stderr(const std::vector<double>& values);
/// exp(-mean): of log-likelihoods.
double perplexity_of(const std::vector<double>& log_likelihoods);

/// A log-likelihood with what it is divided by: words or bytes.
struct Weighted {
  double value = 0, weight = 0;
};
double weighted_perplexity(const std::vector<Weighted>& values);
double bits_per_byte(const std::vector<Weighted>& values);

/// A document's answer: gold and predicted class.
struct Answer {
  int64_t gold = 0, predicted = 0;
};
/// F1 of class 1, and the largest of both directions does not matter: sklearn's binary f1_score.
double f1_score(const std::vector<Answer>& answers);
/// The mean of the F1 of the classes 0, 1 and 2, each against the others.
double class_mean_f1(const std::vector<Answer>& answers);
/// Matthews' correlation for any number of classes (sklearn's formula); 0 where it is undefined.
double matthews(const std::vector<Answer>& answers);

/// A document's answer with how sure it was: the probability of what was answered, in [0, 1].
struct Surety {
  double probability = 0;
  bool right = false;
};
/// The mean over documents of |share of right answers - mean probability| of the document's bin, of
/// `bins` equally wide ones (Guo et al. 2017, arXiv 1706.04599, eq. 3); a bin holds its upper end.
/// NaN where a probability is.
double expected_calibration_error(const std::vector<Surety>& answers, int64_t bins);

/// Standard deviation of `statistic` over `iterations` resamples with replacement, in chunks of at
/// most 1,000: chunk i draws from random.Random(i). The same bits as lm-eval's
/// (api/metrics.py:493-548); chunks are spread over `threads`. `statistic` gets the drawn
/// positions.
double bootstrap_stderr(int64_t n, int64_t iterations,
                        const std::function<double(const std::vector<int64_t>&)>& statistic,
                        int threads = 1);
template <class T>
double bootstrap_stderr(const std::vector<T>& values, int64_t iterations,
                        double (*statistic)(const std::vector<T>&), int threads = 1) {
  return bootstrap_stderr(
      static_cast<int64_t>(values.size()), iterations,
      [&](const std::vector<int64_t>& drawn) {
        std::vector<T> sample;
        sample.reserve(drawn.size());
        for (const auto i : drawn) sample.push_back(values[static_cast<size_t>(i)]);
        return statistic(sample);
      },
      threads);
}
constexpr int64_t kBootstrapIterations = 100000;

/// The standard error of a mean over groups of documents, from those of the groups.
struct GroupError {
  double stderr_ = 0;
  int64_t n = 0;
};
double pooled_stderr(const std::vector<GroupError>& groups);

}  // namespace bench
