#include "reports/sheet.h"

#include <algorithm>

#include "reports/escape.h"

namespace bench {

std::string sheet_text(const Sheet& sheet) {
  auto shown = sheet.rows;
  std::vector<size_t> widths(sheet.right.size());
  for (auto& row : shown)
    for (size_t c = 0; c < row.size(); ++c) {
      row[c] = printable(row[c]);
      widths[c] = std::max(widths[c], width(row[c]));
    }
  std::string out;
  for (const auto& row : shown) {
    std::string line;
    for (size_t c = 0; c < row.size(); ++c) {
      const std::string gap(widths[c] - width(row[c]), ' ');
      line += (c ? "  " : "") + (sheet.right[c] ? gap + row[c] : row[c] + gap);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string sheet_markdown(const Sheet& sheet) {
  std::string out;
  for (size_t r = 0; r < sheet.rows.size(); ++r) {
    out += "|";
    for (const auto& field : sheet.rows[r]) out += " " + markdown(field) + " |";
    out += "\n";
    if (r > 0) continue;
    out += "|";
    for (const bool right : sheet.right) out += right ? " --: |" : " :-- |";
    out += "\n";
  }
  return out;
}

std::string sheet_csv(const Sheet& sheet) {
  std::string out;
  for (const auto& row : sheet.rows) {
    for (size_t c = 0; c < row.size(); ++c) out += (c ? "," : "") + csv(row[c]);
    out += "\r\n";
  }
  return out;
}

}  // namespace bench
