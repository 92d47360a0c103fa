#include "reports/overview.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "reports/paired_statistics.h"

namespace bench {

namespace {

/// A number that may be ranked: there, finite or infinitely bad, and not INVALID.
bool counts(const Cell& cell) {
  return cell.kind == Cell::Kind::Value && !std::isnan(cell.value) && cell.invalid.empty();
}

/// Places of a column's lines, 1 the best; 0 where a line has no number or is dense.
std::vector<double> places(const Table& table, size_t column) {
  std::vector<double> out(table.lines.size(), 0);
  for (size_t r = 0; r < table.lines.size(); ++r) {
    const auto& cell = table.lines[r].cells[column];
    if (table.lines[r].dense || !counts(cell)) continue;
    out[r] = 1;
    for (size_t o = 0; o < table.lines.size(); ++o) {
      const auto& other = table.lines[o].cells[column];
      if (o == r || table.lines[o].dense || !counts(other)) continue;
      const bool better =
          table.higher_is_better ? other.value > cell.value : other.value < cell.value;
      out[r] += better ? 1 : other.value == cell.value ? 0.5 : 0;
    }
  }
  return out;
}

std::vector<std::string> models_of(const Report& report) {
  std::vector<std::string> models;
  for (const auto& t : report.tables)
    if (models.empty() || models.back() != t.model) models.push_back(t.model);
  return models;
}

Ranking ranking(const std::string& model, bool structured,
                const std::vector<const Table*>& tables) {
  Ranking out{model, structured, 0, {}};
  std::map<std::string, std::vector<double>> by_method;
  for (const auto* table : tables)
    for (size_t c = 0; c < table->columns.size(); ++c) {
      if (is_structured(table->columns[c].pattern) != structured) continue;
      const auto all = places(*table, c);
      if (std::count_if(all.begin(), all.end(), [](double p) { return p > 0; }) < 2) continue;
      ++out.columns;
      for (size_t r = 0; r < all.size(); ++r)
        if (all[r] > 0) by_method[table->lines[r].method].push_back(all[r]);
    }
  for (const auto& [method, all] : by_method) {
    const auto interval = student_interval(all);
    out.rows.push_back(
        {method, interval.mean, interval.low, interval.high, static_cast<int>(all.size())});
  }
  std::stable_sort(out.rows.begin(), out.rows.end(), [&](const auto& a, const auto& b) {
    const bool whole = a.columns == out.columns, other = b.columns == out.columns;
    return whole != other ? whole : a.mean < b.mean;
  });
  return out;
}

/// Marks what nothing else beats; equal points are on the front together.
void mark_front(Front& front) {
  const auto beats = [&](const Front::Point& a, const Front::Point& b) {
    const bool better = front.higher_is_better ? a.y > b.y : a.y < b.y;
    const bool as_good = a.y == b.y || better;
    return as_good && a.x <= b.x && (better || a.x < b.x);
  };
  for (auto& p : front.points)
    p.on_front = std::none_of(front.points.begin(), front.points.end(),
                              [&](const Front::Point& o) { return beats(o, p); });
}

Front front_of(const Table& quality, const Table& cost) {
  Front out{quality.model,
            quality.task,
            quality.metric,
            cost.metric,
            cost.unit,
            quality.higher_is_better,
            {}};
  for (size_t r = 0; r < quality.lines.size(); ++r)
    for (size_t c = 0; c < quality.columns.size(); ++c) {
      const auto& line = quality.lines[r];
      const auto& y = line.cells[c];
      const auto& x = cost.lines[r].cells[c];
      if (!counts(y) || !counts(x) || !std::isfinite(y.value) || !std::isfinite(x.value)) continue;
      out.points.push_back({line.method, line.dense ? "" : quality.columns[c].label, x.value,
                            y.value, y.error, line.dense, false, y.trials});
      if (line.dense) break;  // the same in every column
    }
  mark_front(out);
  return out;
}

bool says_something(const Front& front) {
  std::set<double> xs;
  for (const auto& p : front.points) xs.insert(p.x);
  return front.points.size() > 2 && xs.size() > 1;
}

bool kept(double value, double limit, bool higher) {
  return higher ? value >= limit : value <= limit;
}

struct Measured {
  double x, y;
};

Kept kept_share(const std::string& method, const std::string& pattern, std::vector<Measured> points,
                double limit, bool higher, double dense) {
  Kept out{method, pattern, kNone, false};
  std::sort(points.begin(), points.end(),
            [](const Measured& a, const Measured& b) { return a.x < b.x; });
  Measured last{0, dense};
  for (const auto& p : points) {
    if (!kept(p.y, limit, higher)) {
      const double share = p.y == last.y || !std::isfinite(p.y)
                               ? 0
                               : std::clamp((limit - last.y) / (p.y - last.y), 0.0, 1.0);
      out.sparsity = last.x + share * (p.x - last.x);
      return out;
    }
    last = p;
  }
  out.sparsity = last.x, out.at_least = true;
  return out;
}

IsoQuality iso_of(const Table& table) {
  IsoQuality out{table.model, table.task, table.metric, 0, kNone, {}};
  const auto& dense = table.lines.front().cells.front();
  if (!counts(dense) || !std::isfinite(dense.value)) return out;
  out.loss = table.higher_is_better ? 0.01 : 0.1;
  out.limit = table.higher_is_better ? dense.value - out.loss : dense.value * (1 + out.loss);
  for (const auto& line : table.lines) {
    if (line.dense) continue;
    std::map<std::string, std::vector<Measured>> by_pattern;
    for (size_t c = 0; c < table.columns.size(); ++c) {
      const auto& cell = line.cells[c];
      const auto& column = table.columns[c];
      // One share says nothing about where quality ends: n:m patterns have no curve.
      if (!counts(cell) || column.pattern.find(':') != std::string::npos) continue;
      const double x = std::isnan(cell.measured) ? column.sparsity : cell.measured;
      by_pattern[column.pattern].push_back({x, cell.value});
    }
    for (auto& [pattern, points] : by_pattern)
      out.rows.push_back(kept_share(line.method, pattern, std::move(points), out.limit,
                                    table.higher_is_better, dense.value));
  }
  std::stable_sort(out.rows.begin(), out.rows.end(),
                   [](const Kept& a, const Kept& b) { return a.sparsity > b.sparsity; });
  return out;
}

}  // namespace

bool is_structured(const std::string& pattern) {
  return pattern != "unstructured" && pattern != "dense" && pattern.find(':') == pattern.npos;
}

std::vector<const Table*> leading_tables(const Report& report) {
  std::vector<const Table*> out;
  std::set<std::string> seen;
  for (const auto& t : report.tables)
    if (t.directed && !t.foreign && t.task != "latency" &&
        seen.insert(t.model + "|" + t.task).second)
      out.push_back(&t);
  return out;
}

std::map<std::string, int> series_of(const Report& report, const std::string& model) {
  std::set<std::string> names;
  for (const auto& t : report.tables)
    if (t.model == model)
      for (const auto& l : t.lines)
        if (!l.dense) names.insert(l.method);
  std::map<std::string, int> out;
  int place = 0;
  for (const auto& name : names) out[name] = place++;
  return out;
}

std::vector<Ranking> rankings(const Report& report) {
  std::map<std::string, std::vector<const Table*>> by_model;
  for (const auto* t : leading_tables(report)) by_model[t->model].push_back(t);
  std::vector<Ranking> out;
  for (const auto& model : models_of(report))
    for (const bool structured : {false, true})
      if (auto r = ranking(model, structured, by_model[model]); r.rows.size() > 1)
        out.push_back(std::move(r));
  return out;
}

std::vector<Front> fronts(const Report& report) {
  std::vector<Front> out;
  for (const auto* quality : leading_tables(report))
    for (const auto& cost : report.tables)
      if (!cost.foreign && cost.model == quality->model &&
          (cost.task == "size" || cost.task == "latency") && cost.metric != "prunable")
        if (auto f = front_of(*quality, cost); says_something(f)) out.push_back(std::move(f));
  return out;
}

std::vector<IsoQuality> iso_quality(const Report& report) {
  std::vector<IsoQuality> out;
  for (const auto* t : leading_tables(report))
    if (auto iso = iso_of(*t); !iso.rows.empty()) out.push_back(std::move(iso));
  return out;
}

}  // namespace bench
