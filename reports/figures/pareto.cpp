#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "reports/figures/chart.h"
#include "reports/figures/figures.h"
#include "reports/render.h"

namespace bench {

namespace {

Chart::Range range_of(std::vector<double> values, const std::string& name, bool may_log) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  Chart::Range range{*low, *high, may_log && *low > 0 && *high / *low > 12, name};
  if (range.logarithmic) {
    range.high = std::min(range.high, edge_of_losses(values, range.low)) * 1.05;
    range.low *= 0.95;
    range.name += " (logarithmic)";
  } else {
    const double margin = 0.04 * (range.high - range.low);
    range.low -= margin, range.high += margin;
  }
  return range;
}

/// From front point to front point as a step: between two of them nothing better was measured.
std::vector<Place> steps(const Chart& chart, const Front& front) {
  std::vector<const Front::Point*> on;
  for (const auto& p : front.points)
    if (p.on_front) on.push_back(&p);
  std::sort(on.begin(), on.end(), [](const auto* a, const auto* b) { return a->x < b->x; });
  std::vector<Place> path;
  for (const auto* p : on) {
    if (!path.empty()) path.push_back({chart.x(p->x), path.back().y});
    path.push_back({chart.x(p->x), chart.y(p->y)});
  }
  return path;
}

}  // namespace

Drawing pareto_figure(const Front& front, const Series& series, bool legend) {
  std::vector<double> xs, ys;
  for (const auto& p : front.points) xs.push_back(p.x), ys.push_back(p.y);
  Chart chart(
      fmt::format("{} · {} {} against {}", front.model, front.task, front.metric, front.cost),
      range_of(xs, front.cost == front.unit ? front.cost : front.cost + ", " + front.unit, false),
      range_of(ys, front.metric, !front.higher_is_better));
  auto& drawing = chart.drawing();
  drawing.line(steps(chart, front), {Ink::Soft, 1.5, true});
  std::vector<std::pair<int, std::string>> names;
  for (const auto& [method, s] : series)
    if (std::any_of(front.points.begin(), front.points.end(),
                    [&, &m = method](const auto& p) { return p.method == m; }))
      names.emplace_back(s, method);
  for (const auto& p : front.points) {
    const int s = p.dense ? static_cast<int>(Ink::Soft) : series.at(p.method);
    drawing.point(
        {chart.x(p.x), chart.y(p.y)}, s,
        fmt::format("{}{}{}: {} at {} {}{}", p.method, p.dense ? "" : " ", p.column, number(p.y),
                    short_number(p.x), front.cost, p.on_front ? ", on the front" : ""),
        p.trials);
    if (p.on_front) drawing.marks.back().size = 5.5;
  }
  names.emplace_back(-1, "front, dense among it");
  if (legend) chart.legend(names);
  return drawing;
}

}  // namespace bench
