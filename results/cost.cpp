#include "results/cost.h"

#include <algorithm>

namespace bench {
namespace {

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<long>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// What a trial is like, the closest likeness first.
std::vector<std::string> likenesses(const TrialSpec& t) {
  const std::string end(1, '\0');
  return {t.model + end + t.method + end + t.pattern, t.model + end + t.method, t.model};
}

}  // namespace

std::vector<double> predicted_cost(const std::vector<TrialSpec>& trials,
                                   const std::vector<Trial>& finished,
                                   const std::map<std::string, double>& bytes) {
  const auto size_of = [&](const TrialSpec& t) {
    const auto it = bytes.find(t.model);
    return it == bytes.end() ? 1.0 : std::max(1.0, it->second);
  };
  std::map<std::string, std::vector<double>> seconds;
  std::vector<double> rates;
  for (const auto& t : finished) {
    const double took = t.finished - t.started;
    if (t.state != "done" || !(took > 0)) continue;
    for (const auto& like : likenesses(t)) seconds[like].push_back(took);
    if (bytes.count(t.model) > 0) rates.push_back(took / size_of(t));
  }
  const double rate = rates.empty() ? 1 : median(rates);
  std::map<std::string, double> known;
  for (auto& [like, values] : seconds) known[like] = median(std::move(values));
  std::vector<double> all;
  for (const auto& t : trials) {
    double cost = rate * size_of(t);
    for (const auto& like : likenesses(t))
      if (const auto it = known.find(like); it != known.end()) {
        cost = it->second;
        break;
      }
    all.push_back(cost);
  }
  return all;
}

}  // namespace bench
