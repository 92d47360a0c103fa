// The table of a terminal.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "reports/escape.h"
#include "reports/render.h"

namespace bench {

namespace {

struct Painted {
  std::string text;
  const char* colour = "";
};

constexpr const char* kBold = "\x1b[1m";
constexpr const char* kGreen = "\x1b[1;32m";
constexpr const char* kRed = "\x1b[31m";
constexpr const char* kGrey = "\x1b[2m";

Painted cell_text(const Cell& cell) {
  if (cell.kind == Cell::Kind::Missing) return {"– " + printable(cell.reason), kGrey};
  std::string text = number(cell.value);
  if (!std::isnan(cell.error)) text += " ± " + uncertainty(cell.error, cell.value);
  if (!std::isnan(cell.delta)) text += " (" + difference(cell.delta, cell.value) + ")";
  if (!cell.spread.empty()) text += " [" + cell.spread + "]";
  if (cell.best) text += " *";
  if (*mark_of(cell)) return {fmt::format("{} {}", mark_of(cell), text), kRed};
  return {text, cell.best ? kGreen : ""};
}

std::string padded(const Painted& p, size_t columns, bool colour) {
  const std::string gap(columns - std::min(columns, width(p.text)), ' ');
  return colour && *p.colour ? p.colour + p.text + "\x1b[0m" + gap : p.text + gap;
}

using Grid = std::vector<std::vector<Painted>>;  // lines of cells; the first line is the head

Grid grid_of(const Table& table) {
  Grid grid(1);
  grid[0].push_back({table.row_head, kBold});
  for (const auto& c : table.columns) grid[0].push_back({printable(c.label), kBold});
  for (const auto& line : table.lines) {
    auto& row = grid.emplace_back();
    row.push_back({printable(line.method)});
    for (const auto& cell : line.cells) row.push_back(cell_text(cell));
  }
  return grid;
}

/// Column `first` and as many after it as fit; the name of the method stands before each part.
std::string part(const Grid& grid, const std::vector<size_t>& widths, size_t first, size_t end,
                 bool colour) {
  std::string out;
  for (size_t l = 0; l < grid.size(); ++l) {
    std::string line = "  " + padded(grid[l][0], widths[0], colour);
    for (size_t c = first; c < end; ++c) line += "  " + padded(grid[l][c], widths[c], colour);
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
    if (l > 0) continue;
    out += "  " + std::string(widths[0], '-');
    for (size_t c = first; c < end; ++c) out += "  " + std::string(widths[c], '-');
    out += "\n";
  }
  return out;
}

std::string body(const Table& table, const Look& look) {
  const Grid grid = grid_of(table);
  std::vector<size_t> widths(grid[0].size());
  for (const auto& row : grid) {
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], width(row[c].text));
  }
  std::string out;
  for (size_t first = 1; first < widths.size();) {
    size_t end = first, used = widths[0] + 2;
    while (end < widths.size() && (end == first || used + 2 + widths[end] <= look.width)) {
      used += 2 + widths[end++];
    }
    if (first > 1) out += "\n";
    out += part(grid, widths, first, end, look.colour);
    first = end;
  }
  return out;
}

}  // namespace

std::string render_text(const Report& report, const Look& look) {
  std::string out;
  for (const auto& table : report.tables) {
    out += fmt::format("{}{}{}\n{}\n\n", look.colour ? kBold : "", printable(heading(table)),
                       look.colour ? "\x1b[0m" : "", printable(metric_line(table)));
    out += body(table, look);
    for (const auto& note : table.notes) out += "  " + printable(note) + "\n";
    out += "\n";
  }
  if (!report.tables.empty()) {
    out +=
        "value ± standard error (difference to dense); * best of its column, and what cannot be "
        "told "
        "from it (95 %, Holm); – no number\n";
  }
  for (const auto& note : report.notes) out += printable(note) + "\n";
  return out;
}

}  // namespace bench
