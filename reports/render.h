#pragma once
#include <string>
#include <vector>

#include "reports/pivot.h"

namespace bench {

enum class Format { Table, Markdown, Csv, Json, Latex, Html };

/// "table", "markdown", "csv", "json", "latex", "html"; another name is an Error with the near
/// ones.
Format format_named(const std::string& name);
const std::vector<std::string>& format_names();

struct Look {
  bool colour = false;  // of the terminal table
  size_t width = 120;   // a wider terminal table continues below with its next columns
};

std::string render(const Report& report, const Rows& rows, Format format, const Look& look = {});

std::string render_text(const Report& report, const Look& look);
std::string render_markdown(const Report& report);
std::string render_csv(const Report& report, const Rows& rows);
std::string render_json(const Report& report, const Rows& rows);
std::string render_latex(const Report& report);
std::string render_html(const Report& report);

/// For people: as many digits as tell methods apart. "NaN" where nothing was stored.
std::string number(double value);
/// With the digits of the value it belongs to, so that both line up.
std::string uncertainty(double error, double value);
/// With a sign and the digits of the value it belongs to.
std::string difference(double delta, double value);
/// For programs: the shortest text that reads back equal; "" for NaN.
std::string exact(double value);
/// "tiny · wikitext2@512 · protocol wanda@1", or the table's own title.
std::string heading(const Table& table);
/// "ppl, lower is better" with the unit where there is one; of several metrics each column's own.
std::string metric_line(const Table& table);

}  // namespace bench
