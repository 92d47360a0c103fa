#include <cmath>

#include "base/error.h"
#include "reports/escape.h"
#include "reports/render.h"

namespace bench {

namespace {

std::string cell_text(const Cell& cell) {
  if (cell.kind == Cell::Kind::Missing) return "– " + markdown(cell.reason);
  std::string text = number(cell.value);
  if (!std::isnan(cell.error)) text += " ± " + uncertainty(cell.error, cell.value);
  if (cell.best) text = "**" + text + "**";
  if (!std::isnan(cell.delta)) text += " (" + difference(cell.delta, cell.value) + ")";
  if (!cell.spread.empty()) text += ", " + markdown(cell.spread);
  return *mark_of(cell) ? fmt::format("{} {}", mark_of(cell), text) : text;
}

}  // namespace

std::string render_markdown(const Report& report) {
  std::string out;
  for (const auto& table : report.tables) {
    out += fmt::format("### {}\n\n{}\n\n", markdown(heading(table)), markdown(metric_line(table)));
    out += "| " + table.row_head + " |";
    for (const auto& column : table.columns) out += " " + markdown(column.label) + " |";
    out += "\n| :-- |";
    for (size_t i = 0; i < table.columns.size(); ++i) out += " --: |";
    out += "\n";
    for (const auto& line : table.lines) {
      out += "| " + markdown(line.method) + " |";
      for (const auto& cell : line.cells) out += " " + cell_text(cell) + " |";
      out += "\n";
    }
    out += "\n";
    for (const auto& note : table.notes) out += "- " + markdown(note) + "\n";
    if (!table.notes.empty()) out += "\n";
  }
  if (!report.tables.empty()) {
    out +=
        "Value ± standard error (difference to dense); bold: best of its column, and what cannot "
        "be "
        "told from it (95 %, Holm); –: no number.\n\n";
  }
  for (const auto& note : report.notes) out += markdown(note) + "\n\n";
  return out;
}

}  // namespace bench
