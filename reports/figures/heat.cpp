#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/error.h"
#include "base/near.h"
#include "reports/figures/chart.h"
#include "reports/figures/figures.h"

namespace bench {

namespace {

constexpr double kNames = 190, kTop = 44;
constexpr double kDeepest = 0.7;  // dark text keeps a contrast of 4.5 on it

/// Rows of shaded cells with their names at the left and, turned, below.
Drawing heat(const std::string& title, const std::vector<std::string>& rows,
             const std::vector<std::string>& columns,
             const std::function<double(size_t, size_t)>& value, double full) {
  const double wide = std::clamp(760.0 / static_cast<double>(columns.size()), 7.0, 44.0);
  constexpr double kHigh = 22;
  size_t longest = 0;
  for (const auto& c : columns) longest = std::max(longest, std::min<size_t>(c.size(), 40));
  const double bottom = kTop + kHigh * static_cast<double>(rows.size());
  Drawing drawing{kNames + wide * static_cast<double>(columns.size()) + 20,
                  bottom + 16 + 5.6 * static_cast<double>(longest),
                  title,
                  {}};
  drawing.width = std::max(drawing.width, 7.2 * static_cast<double>(title.size()));
  drawing.text({4, 18}, title, -1, {Ink::Strong}, 13);
  drawing.marks.back().bold = true;
  for (size_t r = 0; r < rows.size(); ++r) {
    const double y = kTop + kHigh * static_cast<double>(r);
    drawing.text({kNames - 8, y + 15}, shortened(rows[r], 28), 1, {Ink::Strong}, 12);
    for (size_t c = 0; c < columns.size(); ++c) {
      const double v = value(r, c), x = kNames + wide * static_cast<double>(c);
      const auto says = std::isnan(v) ? "not recorded" : fmt::format("{:.1f}%", 100 * v);
      drawing.shade({x + 0.5, y + 0.5}, {x + wide - 0.5, y + kHigh - 0.5},
                    std::isnan(v) ? 0 : kDeepest * std::clamp(v / full, 0.0, 1.0),
                    rows[r] + ", " + columns[c] + ": " + says);
      if (wide < 30) continue;
      drawing.text({x + wide / 2, y + 15}, std::isnan(v) ? "–" : fmt::format("{:.0f}", 100 * v), 0,
                   {Ink::Strong}, 11);
    }
  }
  const size_t every = wide < 11 ? 2 : 1;
  for (size_t c = 0; c < columns.size(); c += every) {
    drawing.text({kNames + wide * (static_cast<double>(c) + 0.5) + 4, bottom + 8},
                 shortened(columns[c], 40), 1, {}, 10);
    drawing.marks.back().upright = true;
  }
  return drawing;
}

std::vector<std::string> methods_of(const Atlas& atlas) {
  std::vector<std::string> names;
  for (const auto& row : atlas.rows) names.push_back(row.method);
  return names;
}

/// What all names begin and end with says nothing: "model.layers." and ".weight".
std::vector<std::string> without_common(std::vector<std::string> names) {
  if (names.size() < 2) return names;
  size_t front = 0, back = 0;
  const auto same = [&](size_t at, bool from_end) {
    return std::all_of(names.begin(), names.end(), [&](const std::string& n) {
      const auto& first = names.front();
      return at < n.size() && at < first.size() &&
             (from_end ? n[n.size() - 1 - at] == first[first.size() - 1 - at] : n[at] == first[at]);
    });
  };
  while (same(front, false)) ++front;
  while (same(back, true)) ++back;
  while (front > 0 && names.front()[front - 1] != '.') --front;  // whole words
  for (auto& n : names)
    if (n.size() > front + back) n = n.substr(front, n.size() - front - back);
  return names;
}

}  // namespace

Drawing layers_figure(const Atlas& atlas) {
  double most = 0.01;
  for (const auto& row : atlas.rows)
    for (const double z : row.zeros)
      if (!std::isnan(z)) most = std::max(most, z);
  return heat(
      fmt::format("{} · {}: zero weights by layer, %", atlas.model, atlas.column),
      methods_of(atlas), without_common(atlas.layers),
      [&](size_t r, size_t c) { return atlas.rows[r].zeros[c]; }, most);
}

Drawing atlas_figure(const Atlas& atlas, const std::string& method) {
  const auto methods = methods_of(atlas);
  const auto title =
      fmt::format("{} · {}: removed by both, % of what either removes", atlas.model, atlas.column);
  if (method.empty())
    return heat(
        title, methods, methods, [&](size_t r, size_t c) { return atlas.overlap(r, c); }, 1);
  const auto it = std::find(methods.begin(), methods.end(), method);
  if (it == methods.end())
    fail("{} has no method '{}' at {}{}", atlas.model, method, atlas.column,
         suggestion(method, methods));
  const auto one = static_cast<size_t>(it - methods.begin());
  return heat(
      title + ", with " + method, methods, without_common(atlas.layers),
      [&](size_t r, size_t c) { return atlas.overlap(r, one, c); }, 1);
}

}  // namespace bench
