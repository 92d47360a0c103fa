#include "reports/render.h"

#include <algorithm>
#include <cmath>

#include <fmt/ranges.h>

#include "base/error.h"
#include "base/near.h"

namespace bench {

namespace {

int decimals(double value) {
  const double size = std::abs(value);
  if (value == std::floor(value) && size >= 1000) return 0;  // counts: parameters, bytes
  return size >= 1000 ? 1 : size >= 100 ? 2 : size >= 1 ? 3 : 4;
}

bool huge(double value) {
  return std::abs(value) >= 1e6 && value != std::floor(value);
}

}  // namespace

const std::vector<std::string>& format_names() {
  static const std::vector<std::string> names{"table", "markdown", "csv", "json", "latex", "html"};
  return names;
}

Format format_named(const std::string& name) {
  const auto& names = format_names();
  const auto it = std::find(names.begin(), names.end(), name);
  if (it == names.end()) fail("there is no format '{}'{}", name, suggestion(name, names));
  return static_cast<Format>(it - names.begin());
}

std::string render(const Report& report, const Rows& rows, Format format, const Look& look) {
  switch (format) {
    case Format::Markdown:
      return render_markdown(report);
    case Format::Csv:
      return render_csv(report, rows);
    case Format::Json:
      return render_json(report, rows);
    case Format::Latex:
      return render_latex(report);
    case Format::Html:
      return render_html(report);
    case Format::Table:
      break;
  }
  return render_text(report, look);
}

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return huge(value) ? fmt::format("{:.3e}", value)
                     : fmt::format("{:.{}f}", value, decimals(value));
}

std::string uncertainty(double error, double value) {
  if (!std::isfinite(error) || !std::isfinite(value) || huge(error)) return number(error);
  const std::string text = fmt::format("{:.{}f}", error, decimals(value));
  return text.find_first_not_of("0.") == std::string::npos ? number(error) : text;
}

std::string difference(double delta, double value) {
  if (std::isinf(delta)) return delta > 0 ? "+inf" : "-inf";
  return huge(delta) ? fmt::format("{:+.2e}", delta)
                     : fmt::format("{:+.{}f}", delta, decimals(value));
}

std::string exact(double value) {
  return std::isnan(value) ? "" : fmt::format("{}", value);
}

std::string heading(const Table& table) {
  return table.title.empty()
             ? fmt::format("{} · {} · protocol {}", table.model, table.task, table.protocol)
             : table.title;
}

namespace {

std::string metric_text(const std::string& metric, const std::string& unit, bool higher,
                        bool directed) {
  const auto named = metric + (unit.empty() ? "" : " in " + unit);
  return directed ? fmt::format("{}, {} is better", named, higher ? "higher" : "lower") : named;
}

}  // namespace

std::string metric_line(const Table& table) {
  if (table.title.empty())
    return metric_text(table.metric, table.unit, table.higher_is_better, table.directed);
  std::vector<std::string> texts;
  for (const auto& c : table.columns) {
    if (c.metric.empty()) continue;
    auto text = metric_text(c.metric, c.unit, c.higher_is_better, c.directed);
    if (std::find(texts.begin(), texts.end(), text) == texts.end())
      texts.push_back(std::move(text));
  }
  return fmt::format("{}", fmt::join(texts, "; "));
}

}  // namespace bench
