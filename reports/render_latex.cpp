// Tables for a paper; they need \usepackage{booktabs} and nothing else.
#include <cmath>

#include "base/error.h"
#include "reports/escape.h"
#include "reports/render.h"

namespace bench {

namespace {

std::string plain(double value) {
  if (std::isinf(value)) return value > 0 ? "$\\infty$" : "$-\\infty$";
  const std::string text = number(value);
  return text[0] == '-' ? "$" + text + "$" : text;
}

std::string cell_text(const Cell& cell) {
  if (cell.kind == Cell::Kind::Missing) return "-- \\emph{" + latex(cell.reason) + "}";
  std::string text = plain(cell.value);
  if (cell.best) text = "\\textbf{" + text + "}";
  if (!std::isnan(cell.error))
    text += " {\\footnotesize$\\pm$" + uncertainty(cell.error, cell.value) + "}";
  return *mark_of(cell) ? fmt::format("\\emph{{{}}} {}", mark_of(cell), text) : text;
}

std::string caption(const Table& table) {
  std::string text =
      table.title.empty()
          ? fmt::format("{} on {}, protocol {}: {}.", latex(table.model), latex(table.task),
                        latex(table.protocol), latex(metric_line(table)))
          : fmt::format("{}: {}.", latex(table.title), latex(metric_line(table)));
  for (const auto& note : table.notes) {
    std::string escaped = latex(note);
    for (size_t at; (at = escaped.find("±")) != std::string::npos;) {
      escaped.replace(at, std::string("±").size(), "$\\pm$");
    }
    text += " " + escaped + ".";
  }
  return text;
}

std::string head(std::string name) {
  name[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(name[0])));
  return name;
}

}  // namespace

std::string render_latex(const Report& report) {
  std::string out = "% needs \\usepackage{booktabs}\n";
  for (const auto& note : report.notes) out += "% " + printable(note) + "\n";
  for (const auto& table : report.tables) {
    out += "\\begin{table}\n\\centering\n\\caption{" + caption(table) + "}\n\\begin{tabular}{l" +
           std::string(table.columns.size(), 'r') + "}\n\\toprule\n" + head(table.row_head);
    for (const auto& column : table.columns) out += " & " + latex(column.label);
    out += " \\\\\n\\midrule\n";
    for (const auto& line : table.lines) {
      out += latex(line.method);
      for (const auto& cell : line.cells) out += " & " + cell_text(cell);
      out += " \\\\\n";
    }
    out += "\\bottomrule\n\\end{tabular}\n\\end{table}\n\n";
  }
  return out;
}

}  // namespace bench
