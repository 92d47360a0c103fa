// Aggregates and bootstrap against numbers from CPython with lm-eval's algorithm (api/metrics.py).
#include "tasks/statistics.h"

#include "tasks/choices.h"
#include "tasks/requests.h"
#include "test.h"

using namespace bench;

TEST_CASE("bootstrap: the same bits as lm-eval's, on any number of threads", "[tasks]") {
  std::vector<double> values;
  for (int i = 0; i < 41; ++i) values.push_back(-((i * 37) % 23) / 7.0 - 0.5);
  // 1e-14: sums of a sample are taken in the same order, exp and sqrt may differ in the last bit.
  const double ppl = bootstrap_stderr<double>(values, 3000, perplexity_of);
  CHECK(std::abs(ppl - 1.1376643527759676) < 1e-13);
  CHECK(bootstrap_stderr<double>(values, 3000, perplexity_of, 3) == ppl);
  CHECK(std::abs(bootstrap_stderr<double>(values, 500, mean) - 0.1474497462346508) < 1e-14);

  std::vector<Weighted> pages;
  for (int i = 0; i < 17; ++i) pages.push_back({-((i * 31) % 19) - 1.0, (i * 7) % 11 + 1.0});
  CHECK(std::abs(bootstrap_stderr<Weighted>(pages, 2000, weighted_perplexity) - 1.13927241034874) <
        1e-13);

  std::vector<Answer> answers;
  for (int i = 0; i < 40; ++i) answers.push_back({(i * i) % 3 == 1, (i * 5) % 4 == 1});
  CHECK(std::abs(f1_score(answers) - 0.3888888888888889) < 1e-15);
  CHECK(std::abs(matthews(answers) - 0.060522753266880246) < 1e-15);
  CHECK(std::abs(bootstrap_stderr<Answer>(answers, 2000, f1_score) - 0.10529082077933619) < 1e-14);
}

TEST_CASE("aggregates: edges and groups", "[tasks]") {
  CHECK(std::isnan(mean_stderr({1})));
  CHECK(f1_score({{0, 0}}) == 0);
  CHECK(matthews({{1, 1}, {1, 1}}) == 0);
  CHECK(matthews({{0, 0}, {1, 1}, {2, 2}}) == 1);
  // sqrt((9 * .01 * 10 + 19 * .04 * 20) / 28 / 30)
  CHECK(std::abs(pooled_stderr({{0.1, 10}, {0.2, 20}}) - std::sqrt(16.1 / 28 / 30)) < 1e-15);
  CHECK(std::abs(brier({0, 0}, 1) - 0.5) < 1e-15);
  CHECK(first_maximum({1, 3, 3}) == 1);
}

TEST_CASE("expected calibration error: bins of equal width, and edges", "[tasks]") {
  CHECK(std::abs(probability_of_best({0, std::log(3.0)}) - 0.75) < 1e-15);
  const double none = -std::numeric_limits<double>::infinity();
  CHECK(probability_of_best({none, none}) == 0.5);
  CHECK(std::isnan(probability_of_best({std::nan(""), 1})));
  // Bins (0.4, 0.5] and (0.9, 1] of 10: |1 - 0.9001| + |1 - 1.97|, over 4.
  const std::vector<Surety> all{{0.5, true}, {0.4001, false}, {1, true}, {0.97, false}};
  CHECK(std::abs(expected_calibration_error(all, 10) - (0.0999 + 0.97) / 4) < 1e-15);
  // One bin: share of right answers against the mean probability.
  CHECK(std::abs(expected_calibration_error(all, 1) - std::abs(2 - 2.8701) / 4) < 1e-15);
  CHECK(expected_calibration_error({{1, true}, {0, false}}, 15) == 0);
  CHECK(std::isnan(expected_calibration_error({{std::nan(""), true}}, 10)));
}

TEST_CASE("rolling windows: the vectors of lm-eval's own tests", "[tasks]") {
  const int64_t P = 99;
  const auto windows = [&](int64_t n) {
    Sequence tokens;
    for (int64_t i = 0; i < n; ++i) tokens.push_back(i);
    std::vector<std::pair<Sequence, int64_t>> all;
    for (const auto& w : rolling_windows(tokens, P, 4)) all.emplace_back(w.tokens, w.continuation);
    return all;
  };
  using Windows = std::vector<std::pair<Sequence, int64_t>>;
  CHECK(windows(10) == Windows{{{P, 0, 1, 2, 3}, 4}, {{3, 4, 5, 6, 7}, 4}, {{5, 6, 7, 8, 9}, 2}});
  CHECK(windows(5) == Windows{{{P, 0, 1, 2, 3}, 4}, {{0, 1, 2, 3, 4}, 1}});
  CHECK(windows(2) == Windows{{{P, 0, 1}, 2}});
  CHECK(windows(0).empty());
}
