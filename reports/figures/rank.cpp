#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "reports/figures/chart.h"
#include "reports/figures/figures.h"

namespace bench {

Drawing rank_figure(const Ranking& ranking, const Series& series) {
  constexpr double kLine = 24, kNames = 220, kRight = 700, kTop = 40;
  double most = 1;
  for (const auto& row : ranking.rows)
    most = std::max({most, row.mean, std::isnan(row.high) ? 1 : std::min(row.high, row.mean + 10)});
  const Axis axis(0.5, std::ceil(most) + 0.5, false, kNames, kRight);
  const double bottom = kTop + kLine * static_cast<double>(ranking.rows.size());
  Drawing drawing{kRight + 60, bottom + 46, "", {}};
  drawing.title = fmt::format("{}: mean rank over {} columns, {}", ranking.model, ranking.columns,
                              ranking.structured ? "structured" : "unstructured and n:m");
  drawing.text({4, 18}, drawing.title, -1, {Ink::Strong}, 13);
  drawing.marks.back().bold = true;
  for (const auto& [v, text] : axis.marks()) {
    if (v != std::floor(v)) continue;
    drawing.line({{axis.at(v), kTop - 8}, {axis.at(v), bottom}}, {Ink::Faint, 1});
    drawing.text({axis.at(v), bottom + 16}, text, 0);
  }
  drawing.text({(kNames + kRight) / 2, bottom + 36},
               "mean rank, 1 is best; bars: 95 % over columns", 0);
  for (size_t i = 0; i < ranking.rows.size(); ++i) {
    const auto& row = ranking.rows[i];
    const double y = kTop + kLine * (static_cast<double>(i) + 0.4);
    const int s = series.at(row.method);
    drawing.text({kNames - 12, y + 4}, shortened(row.method, 30), 1, {Ink::Strong}, 12);
    if (!std::isnan(row.low)) drawing.line({{axis.at(row.low), y}, {axis.at(row.high), y}}, {s, 2});
    drawing.point(
        {axis.at(row.mean), y}, s,
        fmt::format("{}: mean rank {:.2f} over {} columns", row.method, row.mean, row.columns));
    drawing.marks.back().size = 4.5;
    if (row.columns < ranking.columns)
      drawing.text({kRight + 4, y + 4}, fmt::format("{} of {}", row.columns, ranking.columns), -1,
                   {Ink::Soft}, 11);
  }
  return drawing;
}

}  // namespace bench
