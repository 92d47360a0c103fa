#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "reports/figures/chart.h"
#include "reports/figures/figures.h"
#include "reports/render.h"

namespace bench {

namespace {

constexpr double kLogarithmFrom = 12;  // values that span more are drawn by their logarithm

struct Point {
  double x = 0, y = 0, error = 0;
  const Cell* cell = nullptr;
};

struct Curve {
  std::string method, pattern;
  std::vector<Point> points;  // by x
};

std::vector<Curve> curves_of(const Table& table, bool structured) {
  std::vector<Curve> out;
  for (const auto& line : table.lines) {
    if (line.dense) continue;
    std::map<std::string, Curve> by_pattern;
    for (size_t c = 0; c < table.columns.size(); ++c) {
      const auto& column = table.columns[c];
      const auto& cell = line.cells[c];
      if (is_structured(column.pattern) != structured || cell.kind == Cell::Kind::Missing ||
          !std::isfinite(cell.value))
        continue;
      const double x = 100 * (std::isnan(cell.measured) ? column.sparsity : cell.measured);
      auto& curve = by_pattern[column.pattern];
      curve.method = line.method, curve.pattern = column.pattern;
      curve.points.push_back({x, cell.value, std::isnan(cell.error) ? 0 : cell.error, &cell});
    }
    for (auto& [pattern, curve] : by_pattern) {
      std::sort(curve.points.begin(), curve.points.end(),
                [](const Point& a, const Point& b) { return a.x < b.x; });
      out.push_back(std::move(curve));
    }
  }
  return out;
}

Chart::Range range_of(const Table& table, const std::vector<Curve>& curves, double dense) {
  double low = dense, high = dense;
  std::vector<double> all;
  for (const auto& curve : curves)
    for (const auto& p : curve.points) {
      all.push_back(p.y);
      if (std::isnan(low)) low = high = p.y;
      low = std::min(low, p.y - p.error), high = std::max(high, p.y + p.error);
    }
  Chart::Range range{low, high, low > 0 && high / low > kLogarithmFrom, table.metric};
  if (range.logarithmic) {
    if (!table.higher_is_better) range.high = std::min(high, edge_of_losses(all, low));
    range.low *= 0.95, range.high *= 1.05;
    range.name += " (logarithmic)";
  } else {
    const double size = std::max(std::abs(low), std::abs(high));
    // What hardly differs is drawn flat, not by its last digits.
    const double margin = high - low > 1e-3 * size ? 0.04 * (high - low) : 0.05 * (size + 1e-12);
    range.low = low - margin, range.high = high + margin;
  }
  if (!table.unit.empty() && table.unit != "share" && table.unit != "perplexity")
    range.name += ", " + table.unit;
  return range;
}

double rightmost(const std::vector<Curve>& curves) {
  double high = 10;
  for (const auto& curve : curves)
    for (const auto& p : curve.points) high = std::max(high, p.x);
  return std::min(100.0, std::ceil(high / 10 + 0.1) * 10);
}

std::string says(const Curve& curve, const Point& p) {
  const auto error = p.error > 0 ? " ± " + number(p.error) : "";
  const auto mark = *mark_of(*p.cell) ? std::string(mark_of(*p.cell)) + " " : "";
  return fmt::format("{}{}: {}{} at {:.2f}% ({})", mark, curve.method, number(p.y), error, p.x,
                     curve.pattern);
}

/// The points of a line, from the dense model on; one share (n:m) has no line.
std::vector<Place> path_of(const Chart& chart, const Curve& curve, double dense) {
  std::vector<Place> path;
  if (!std::isnan(dense)) path.push_back({chart.x(0), chart.y(dense)});
  for (const auto& p : curve.points) path.push_back({chart.x(p.x), chart.y(p.y)});
  return path;
}

void band(Chart& chart, const Curve& curve, const Point& dense, int series) {
  std::vector<Point> points{dense};
  if (std::isnan(dense.y)) points.clear();
  points.insert(points.end(), curve.points.begin(), curve.points.end());
  const bool any =
      std::any_of(points.begin(), points.end(), [](const Point& p) { return p.error > 0; });
  if (!any || points.size() < 2) return;
  std::vector<Place> around;
  for (const auto& p : points) around.push_back({chart.x(p.x), chart.y(p.y + p.error)});
  for (auto it = points.rbegin(); it != points.rend(); ++it)
    around.push_back({chart.x(it->x), chart.y(it->y - it->error)});
  chart.drawing().area(std::move(around), {series});
}

void draw(Chart& chart, const Curve& curve, const Point& dense, int series) {
  const bool ratio = curve.pattern.find(':') == std::string::npos;
  if (ratio) {
    band(chart, curve, dense, series);
    chart.drawing().line(path_of(chart, curve, dense.y), {series, 1.75});
  }
  for (const auto& p : curve.points) {
    auto text = says(curve, p);
    if (!chart.inside(p.y)) text += ", beyond the edge";
    chart.drawing().point({chart.x(p.x), chart.y(p.y)}, series, text, p.cell->trials);
    if (!ratio)
      chart.drawing().text({chart.x(p.x) + 6, chart.y(p.y) + 4}, curve.pattern, -1, {series}, 10);
    if (!chart.inside(p.y)) {
      chart.drawing().text({chart.x(p.x), chart.top() - 4}, "beyond", 0, {series}, 10);
    }
  }
}

}  // namespace

Drawing curve_figure(const Table& table, bool structured, const Series& series, bool legend) {
  const auto curves = curves_of(table, structured);
  const auto& cell = table.lines.front().cells.front();
  Point dense{0, kNone, 0, &cell};
  if (table.lines.front().dense && cell.kind == Cell::Kind::Value && std::isfinite(cell.value))
    dense.y = cell.value, dense.error = std::isnan(cell.error) ? 0 : cell.error;
  Chart chart(fmt::format("{} · {} {}{}", table.model, table.task, table.metric,
                          structured ? " · structured" : ""),
              {0, rightmost(curves), false, "zero weights, % of what can be pruned"},
              range_of(table, curves, dense.y));
  auto& drawing = chart.drawing();
  if (!std::isnan(dense.y))
    drawing.line({{chart.x(0), chart.y(dense.y)}, {chart.x(100), chart.y(dense.y)}},
                 {Ink::Soft, 1.5, true});
  std::vector<std::pair<int, std::string>> names;
  std::set<std::string> named;
  for (const auto& curve : curves) {
    const int s = series.at(curve.method);
    draw(chart, curve, dense, s);
    if (named.insert(curve.method).second) names.emplace_back(s, curve.method);
  }
  if (!std::isnan(dense.y)) {
    drawing.point({chart.x(0), chart.y(dense.y)}, Ink::Soft, "dense: " + number(dense.y),
                  cell.trials);
    names.emplace_back(-1, "dense");
  }
  if (legend) chart.legend(names);
  return drawing;
}

}  // namespace bench
