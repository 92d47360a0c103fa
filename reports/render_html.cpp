// Plain tables for a page of one's own: no style, no script.
#include <cmath>

#include "reports/escape.h"
#include "reports/render.h"

namespace bench {

namespace {

std::string cell_text(const Cell& cell) {
  if (cell.kind == Cell::Kind::Missing) return "– " + html(cell.reason);
  std::string text = number(cell.value);
  if (!std::isnan(cell.error)) text += " ± " + uncertainty(cell.error, cell.value);
  if (cell.best) text = "<b>" + text + "</b>";
  if (!cell.spread.empty()) text += " <small>" + html(cell.spread) + "</small>";
  return *mark_of(cell) ? std::string(mark_of(cell)) + " " + text : text;
}

}  // namespace

std::string render_html(const Report& report) {
  std::string out;
  for (const auto& table : report.tables) {
    out += "<table>\n<caption>" + html(heading(table)) + "<br>" + html(metric_line(table)) +
           "</caption>\n<thead><tr><th>" + html(table.row_head) + "</th>";
    for (const auto& column : table.columns) out += "<th>" + html(column.label) + "</th>";
    out += "</tr></thead>\n<tbody>\n";
    for (const auto& line : table.lines) {
      out += "<tr><th>" + html(line.method) + "</th>";
      for (const auto& cell : line.cells) out += "<td>" + cell_text(cell) + "</td>";
      out += "</tr>\n";
    }
    out += "</tbody>\n</table>\n";
    for (const auto& note : table.notes) out += "<p>" + html(note) + "</p>\n";
  }
  for (const auto& note : report.notes) out += "<p>" + html(note) + "</p>\n";
  return out;
}

}  // namespace bench
