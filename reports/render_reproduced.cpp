// Published beside ours.
#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/near.h"
#include "reports/escape.h"
#include "reports/fill_command.h"
#include "reports/render.h"
#include "reports/reproduce.h"
#include "reports/sheet.h"

namespace bench {

namespace {

using Fields = std::vector<std::string>;

const Fields kHead{"model", "method", "pattern", "metric",  "published",
                   "ours",  "Δ",      "±",       "verdict", "protocol"};

std::string pattern_of(const PublishedRow& row) {
  if (row.pattern.find(':') != std::string::npos || name_key(row.method).rfind("dense", 0) == 0)
    return row.pattern;
  char* end = nullptr;
  const double share = std::strtod(row.sparsity.c_str(), &end);
  const bool number = !row.sparsity.empty() && *end == '\0';
  return row.pattern + " " + (number ? fmt::format("{:.4g}%", 100 * share) : row.sparsity);
}

Fields fields_of(const Reproduced& r) {
  const auto& row = *r.row;
  const bool there = !std::isnan(r.ours);
  const auto method = row.recovery == "none" ? row.method : row.method + " + " + row.recovery;
  return {row.model,
          method,
          pattern_of(row),
          row.metric + " " + row.dataset,
          row.value,
          there ? number(r.ours) : "–",
          there ? difference(r.delta, r.ours) : "",
          there ? fmt::format("{:.3g}", r.tolerance) : "",
          r.verdict,
          r.protocol};
}

std::string counts(const std::vector<Reproduced>& list) {
  std::string text;
  for (const char* verdict : {"same", "differs", "INVALID", "LEAK", "missing"}) {
    const auto n = std::count_if(list.begin(), list.end(),
                                 [&](const auto& r) { return r.verdict == verdict; });
    if (n > 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", n, verdict);
  }
  return fmt::format("{} numbers: {}", list.size(), text);
}

/// Each reason and each command once, with the first row that it is for.
Fields missing_lines(const std::vector<Reproduced>& list) {
  Fields lines;
  std::set<std::string> said;
  for (const auto& r : list) {
    if (r.verdict != "missing") continue;
    const auto f = fields_of(r);
    lines.push_back(fmt::format("{} · {} · {} · {}: {}", f[0], f[1], f[2], f[3], r.reason));
    const auto command = fill_command(r.fill);
    if (!command.empty() && said.insert(command).second) lines.push_back("    " + command);
  }
  return lines;
}

Sheet sheet_of(const std::vector<Reproduced>& list) {
  Sheet sheet{{kHead}, {}};
  for (const auto& r : list) sheet.rows.push_back(fields_of(r));
  for (size_t c = 0; c < kHead.size(); ++c) sheet.right.push_back(c >= 4 && c <= 7);
  return sheet;
}

std::string as_text(const std::vector<Reproduced>& list) {
  auto out = sheet_text(sheet_of(list));
  out += "\n" + counts(list) + "; Δ is ours - published, ± how far the same number may be off\n";
  const auto missing = missing_lines(list);
  if (!missing.empty()) out += "\nmissing:\n";
  for (const auto& line : missing) out += "  " + printable(line) + "\n";
  return out;
}

std::string as_markdown(const std::vector<Reproduced>& list) {
  auto out =
      fmt::format("### {}, {}\n\n", markdown(list[0].row->paper), markdown(list[0].row->table));
  out += sheet_markdown(sheet_of(list));
  out += "\n" + markdown(counts(list)) + "\n";
  const auto missing = missing_lines(list);
  if (!missing.empty()) out += "\nMissing:\n\n```\n";
  for (const auto& line : missing) out += printable(line) + "\n";
  return out + (missing.empty() ? "" : "```\n");
}

std::string as_latex(const std::vector<Reproduced>& list) {
  const Fields head{"Model", "Method",    "Pattern", "Metric",  "Published",
                    "Ours",  "$\\Delta$", "$\\pm$",  "Verdict", "Protocol"};
  std::string out = "% needs \\usepackage{booktabs}\n";
  for (const auto& line : missing_lines(list)) out += "% missing: " + printable(line) + "\n";
  out += fmt::format(
      "\\begin{{table}}\n\\centering\n\\caption{{{}, {}: published and measured. "
      "{}.}}\n\\begin{{tabular}}{{llllrrrrll}}\n\\toprule\n",
      latex(list[0].row->paper), latex(list[0].row->table), latex(counts(list)));
  for (size_t c = 0; c < head.size(); ++c) out += (c ? " & " : "") + head[c];
  out += " \\\\\n\\midrule\n";
  for (const auto& r : list) {
    const auto fields = fields_of(r);
    for (size_t c = 0; c < fields.size(); ++c) {
      auto text = fields[c] == "–" ? "--" : latex(fields[c]);
      if (c == 6 && !text.empty()) text = "$" + fields[c] + "$";
      out += (c ? " & " : "") + text;
    }
    out += " \\\\\n";
  }
  return out + "\\bottomrule\n\\end{tabular}\n\\end{table}\n";
}

std::string as_csv(const std::vector<Reproduced>& list, const Rows& rows) {
  std::string out =
      "paper,table,model,method,pattern,sparsity,recovery,metric,dataset,published,ours,stderr,"
      "delta,tolerance,verdict,protocol,trials,reason,command,source\r\n";
  for (const auto& r : list) {
    const auto& p = *r.row;
    std::string ids;
    for (const size_t t : r.trials) ids += (ids.empty() ? "" : " ") + rows.trials[t].id;
    for (const auto& text : {p.paper, p.table, p.model, p.method, p.pattern, p.sparsity, p.recovery,
                             p.metric, p.dataset, p.value})
      out += csv(text) + ",";
    out += exact(r.ours) + "," + exact(r.error) + "," + exact(r.delta) + "," + exact(r.tolerance) +
           "," + r.verdict + ",";
    for (const auto& text : {r.protocol, ids, r.reason, fill_command(r.fill)})
      out += csv(text) + ",";
    out += csv(p.source) + "\r\n";
  }
  return out;
}

}  // namespace

std::string render_reproduced(const std::vector<Reproduced>& list, const Rows& rows,
                              const std::string& format) {
  if (list.empty()) return "";
  if (format == "markdown") return as_markdown(list);
  if (format == "latex") return as_latex(list);
  if (format == "csv") return as_csv(list, rows);
  if (format == "table") return as_text(list);
  fail("there is no format '{}'{}", format,
       suggestion(format, {"table", "markdown", "latex", "csv"}));
}

}  // namespace bench
