#include "reports/paired.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "base/error.h"
#include "base/near.h"
#include "reports/cell.h"
#include "reports/item_scale.h"
#include "reports/matching.h"

namespace bench {

namespace {

/// A metric of a pair.
struct Point {
  std::string model, condition;
  int64_t seed;
  double a, b;                // of perplexities their logarithms
  double advantage;           // positive: the first is better
  std::vector<double> items;  // the same item by item; empty: the metric is no mean of them
};
using MetricKey = std::tuple<std::string, std::string, std::string>;  // task, protocol, name

struct Found {
  MetricKey key;
  bool nats = false;
  std::vector<Point> points;
};

/// Item by item, where both metrics are the means of their items.
std::vector<double> item_advantages(const MetricRow& a, const MetricRow& b) {
  if (!is_mean_of(a, a.items) || !is_mean_of(b, b.items)) return {};
  const double sign = a.higher_is_better ? 1 : -1;
  std::vector<double> all;
  for (size_t i = 0; i < a.items.size(); ++i)
    all.push_back(sign * (static_cast<double>(a.items[i]) - static_cast<double>(b.items[i])));
  return all;
}

class Comparison {
 public:
  Comparison(const Rows& rows, const OutcomeOf& outcome_of, const Selection& selection)
      : rows_(rows), outcome_of_(outcome_of), selection_(selection), facts_(facts_of(rows)) {}

  Paired run(const std::string& a, const std::string& b) {
    const auto matched = match(rows_, a, b, selection_.models);
    for (const auto& m : matched.pairs) add(m);
    Paired result{a, b, {}, {}};
    for (const auto& found : found_) add_lines(result, found);
    for (const bool totals : {false, true}) correct(result.lines, totals);
    for (const auto& [name, count] : {std::pair(a, matched.alone_a), std::pair(b, matched.alone_b)})
      if (count > 0)
        result.notes.push_back(
            fmt::format("{} trial{} of {} without a partner", count, count == 1 ? "" : "s", name));
    for (const auto& [text, count] : left_out_)
      result.notes.push_back(fmt::format("{} pair{}: {}", count, count == 1 ? "" : "s", text));
    return result;
  }

 private:
  void add(const Match& m) {
    const Trial &a = rows_.trials[m.a], &b = rows_.trials[m.b];
    const auto of_a = outcome_of_(a.id), of_b = outcome_of_(b.id);
    for (const auto& x : of_a.metrics) {
      if (x.items.empty() || !selected(selection_, a.model, x)) continue;
      for (const auto& y : of_b.metrics)
        if (x.task == y.task && x.protocol == y.protocol && x.name == y.name)
          add(m, {a, x}, {b, y});
    }
  }

  struct Side {
    const Trial& trial;
    const MetricRow& metric;
  };

  void add(const Match& m, const Side& a, const Side& b) {
    Cell seen;
    for (const auto* side : {&a, &b}) judge(seen, facts_, side->metric, side->trial.id);
    const auto about = a.metric.task + " " + a.metric.name;
    if (!seen.invalid.empty()) return note(about + " INVALID, left out");
    if (a.metric.items_hash != b.metric.items_hash ||
        a.metric.items.size() != b.metric.items.size())
      return note(about + " of other items, left out");
    const double x = on_item_scale(a.metric, a.metric.value),
                 y = on_item_scale(b.metric, b.metric.value);
    if (!std::isfinite(x) || !std::isfinite(y)) return note(about + " is no number, left out");
    if (!seen.warnings.empty()) note(about + " marked LEAK, counted");
    Point point{
        a.trial.model, m.condition, m.seed, x, y, a.metric.higher_is_better ? x - y : y - x, {}};
    point.items = item_advantages(a.metric, b.metric);
    auto& found = of({a.metric.task, a.metric.protocol, a.metric.name});
    found.nats = a.metric.unit == "perplexity";
    found.points.push_back(std::move(point));
  }

  void note(const std::string& text) { ++left_out_[text]; }

  Found& of(const MetricKey& key) {
    for (auto& f : found_)
      if (f.key == key) return f;
    found_.push_back({key, false, {}});
    return found_.back();
  }

  static void add_lines(Paired& result, const Found& found) {
    std::vector<std::string> conditions;
    for (const auto& p : found.points)
      if (std::find(conditions.begin(), conditions.end(), p.condition) == conditions.end())
        conditions.push_back(p.condition);
    for (const auto& condition : conditions) {
      std::vector<const Point*> points;
      for (const auto& p : found.points)
        if (p.condition == condition) points.push_back(&p);
      result.lines.push_back(line(found, points));
      result.lines.back().condition = condition;
    }
    if (conditions.size() < 2) return;
    std::vector<const Point*> points;
    for (const auto& p : found.points) points.push_back(&p);
    result.lines.push_back(line(found, points));
  }

  static PairedLine line(const Found& found, const std::vector<const Point*>& points) {
    PairedLine l;
    std::tie(l.task, l.protocol, l.metric) = found.key;
    l.nats = found.nats;
    l.pairs = static_cast<int64_t>(points.size());
    const double n = static_cast<double>(points.size());
    double a = 0, b = 0;
    for (const auto* p : points) {
      a += p->a / n, b += p->b / n;
      ++(p->advantage > 0 ? l.better : p->advantage < 0 ? l.worse : l.equal);
    }
    l.a = l.nats ? std::exp(a) : a;
    l.b = l.nats ? std::exp(b) : b;
    add_replicates(l, points);
    add_items(l, points);
    return l;
  }

  static void add_replicates(PairedLine& l, const std::vector<const Point*>& points) {
    std::map<std::pair<std::string, int64_t>, std::pair<double, double>> sums;  // and counts
    for (const auto* p : points) {
      auto& [sum, count] = sums[{p->model, p->seed}];
      sum += p->advantage, ++count;
    }
    std::vector<double> values;
    std::map<std::string, double> by_model;
    for (const auto& [key, s] : sums) {
      values.push_back(s.first / s.second);
      by_model[key.first] += values.back();
    }
    l.replicates = static_cast<int64_t>(values.size());
    l.over_seeds = student_interval(values);
    if (values.size() > 1) l.p = sign_flip_p(values);  // one replicate tests nothing
    l.models = static_cast<int64_t>(by_model.size());
    for (const auto& [model, sum] : by_model) l.models_better += sum > 0;
  }

  /// Weighted as over seeds: the pairs of a replicate first, then replicates alike.
  static void add_items(PairedLine& l, const std::vector<const Point*>& points) {
    std::map<std::pair<std::string, int64_t>, int64_t> pairs;
    for (const auto* p : points) ++pairs[{p->model, p->seed}];
    std::map<std::string, double> seeds;
    for (const auto& [key, count] : pairs) ++seeds[key.first];
    std::map<std::string, ItemDifferences> by_model;
    for (const auto* p : points) {
      auto& d = by_model[p->model];
      if (d.values.empty()) d.values.resize(p->items.size());
      if (p->items.empty() || p->items.size() != d.values.size()) return;
      d.weight = seeds[p->model] / static_cast<double>(pairs.size());
      const double share = 1 / seeds[p->model] / static_cast<double>(pairs[{p->model, p->seed}]);
      for (size_t i = 0; i < d.values.size(); ++i) d.values[i] += share * p->items[i];
    }
    std::vector<ItemDifferences> all;
    for (auto& [model, d] : by_model) {
      l.items += static_cast<int64_t>(d.values.size());
      all.push_back(std::move(d));
    }
    l.over_items = item_interval(all);
  }

  static void correct(std::vector<PairedLine>& lines, bool totals) {
    const auto counts = [&](const PairedLine& l) {
      return l.condition.empty() == totals && !std::isnan(l.p);
    };
    std::vector<double> p;
    for (const auto& l : lines)
      if (counts(l)) p.push_back(l.p);
    const auto corrected = holm(p);
    auto at = corrected.begin();
    for (auto& l : lines)
      if (counts(l)) l.holm = *at++;
  }

  const Rows& rows_;
  const OutcomeOf& outcome_of_;
  const Selection& selection_;
  TrialFacts facts_;
  std::vector<Found> found_;
  std::map<std::string, int> left_out_;
};

}  // namespace

Paired paired(const Rows& rows, const OutcomeOf& outcome_of, const std::string& a,
              const std::string& b, const Selection& selection) {
  check_selection(rows, selection);
  return Comparison(rows, outcome_of, selection).run(a, b);
}

}  // namespace bench
