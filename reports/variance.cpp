#include "reports/variance.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "reports/render.h"

namespace bench {

namespace {

constexpr int kFewest = 3;                     // seeds whose spread says something
constexpr double kNormal = 1.959963984540054;  // two-sided, 95 %

const Cell& cell_of(const Parts& p) {
  return p.table->lines[p.line].cells[p.column];
}

/// The best cell of its column among those with parts, dense and broken ones aside.
const Parts* best_beside(const std::vector<Parts>& all, const Parts& p) {
  const Parts* best = nullptr;
  for (const auto& o : all) {
    if (o.table != p.table || o.column != p.column || !cell_of(o).invalid.empty()) continue;
    const double v = cell_of(o).value;
    if (!best || (p.table->higher_is_better ? v > cell_of(*best).value : v < cell_of(*best).value))
      best = &o;
  }
  return best;
}

std::string settles(const std::vector<Parts>& all, const Parts& p) {
  const auto* best = best_beside(all, p);
  if (!best) return "";
  const auto& name = p.table->lines[best->line].method;
  if (best == &p) return "the best";
  const auto more = more_seeds(p, *best);
  if (!more) return fmt::format("more items, not seeds, would settle it against {}", name);
  if (*more == 0) return fmt::format("told from {}", name);
  return fmt::format("{} more seed{} would settle it against {}", *more, *more == 1 ? "" : "s",
                     name);
}

}  // namespace

std::vector<Parts> variance_parts(const Report& report) {
  std::vector<Parts> out;
  for (const auto& table : report.tables) {
    if (!table.directed) continue;  // a count is no quality
    for (size_t l = 0; l < table.lines.size(); ++l)
      for (size_t c = 0; c < table.columns.size(); ++c) {
        const auto& cell = table.lines[l].cells[c];
        const auto k = static_cast<int>(cell.trials.size());
        if (table.lines[l].dense || cell.kind == Cell::Kind::Missing || k < kFewest ||
            std::isnan(cell.error_seeds))
          continue;
        Parts p{&table, l, c, k};
        p.of_seeds = cell.error_seeds * std::sqrt(static_cast<double>(k));
        p.of_items = std::isnan(cell.error_items) ? 0 : cell.error_items;
        const double seeds = cell.error_seeds * cell.error_seeds;
        const double all = seeds + p.of_items * p.of_items;
        p.share = all > 0 ? seeds / all : 0;
        out.push_back(p);
      }
  }
  return out;
}

std::optional<int> more_seeds(const Parts& a, const Parts& b) {
  const double d = std::abs(cell_of(a).value - cell_of(b).value);
  const double items = a.of_items * a.of_items + b.of_items * b.of_items;
  const double room = d * d / (kNormal * kNormal) - items;  // what the seeds' error may be, squared
  const double spread = a.of_seeds * a.of_seeds + b.of_seeds * b.of_seeds;
  const int there = std::min(a.seeds, b.seeds);
  if (!(room > 0)) return {};
  const double wanted = std::ceil(spread / room);
  if (wanted > 1e6) return {};
  return std::max(0, static_cast<int>(wanted) - there);
}

Sheet variance_sheet(const Report& report) {
  Sheet sheet{{{"model", "task", "metric", "method", "pattern", "mean", "seeds", "sd of a seed",
                "error of items", "from seeds", "what would settle it"}},
              {false, false, false, false, false, true, true, true, true, true, false}};
  const auto all = variance_parts(report);
  for (const auto& p : all) {
    const double v = cell_of(p).value;
    sheet.rows.push_back({p.table->model, p.table->task, p.table->metric,
                          p.table->lines[p.line].method, p.table->columns[p.column].label,
                          number(v), std::to_string(p.seeds), uncertainty(p.of_seeds, v),
                          uncertainty(p.of_items, v), fmt::format("{:.0f}%", 100 * p.share),
                          settles(all, p)});
  }
  return sheet;
}

}  // namespace bench
