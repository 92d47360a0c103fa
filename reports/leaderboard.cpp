#include "reports/leaderboard.h"

#include <cmath>
#include <ctime>
#include <map>
#include <nlohmann/json.hpp>

#include "reports/inherit.h"
#include "reports/page/files.h"
#include "reports/pivot.h"
#include "reports/provenance.h"
#include "reports/scatter.h"

namespace bench {

namespace {

using Json = nlohmann::ordered_json;

std::string dumped(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json finite(double v) {
  if (std::isnan(v)) return nullptr;
  if (std::isinf(v)) return v > 0 ? "inf" : "-inf";
  return v;
}

/// Short names: a page may hold a hundred thousand cells.
Json cell_json(const Cell& cell) {
  if (cell.kind == Cell::Kind::Missing) return {{"r", cell.reason}, {"t", cell.trials}};
  Json json{{"v", finite(cell.value)},
            {"e", finite(cell.error)},
            {"d", finite(cell.delta)},
            {"m", finite(cell.measured)},
            {"t", cell.trials}};
  if (cell.best) json["b"] = 1;
  if (*mark_of(cell)) {
    json["i"] = mark_of(cell);
    json["w"] = cell.invalid.empty() ? cell.warnings : cell.invalid;
  }
  if (!cell.spread.empty()) json["s"] = cell.spread;
  return json;
}

Json table_json(const Table& table) {
  Json columns = Json::array(), lines = Json::array();
  for (const auto& c : table.columns) {
    columns.push_back(
        {{"label", c.label}, {"pattern", c.pattern}, {"sparsity", finite(c.sparsity)}});
  }
  for (const auto& line : table.lines) {
    Json cells = Json::array();
    for (const auto& cell : line.cells) cells.push_back(cell_json(cell));
    lines.push_back({{"method", line.method}, {"dense", line.dense}, {"cells", std::move(cells)}});
  }
  return {{"model", table.model},    {"task", table.task}, {"protocol", table.protocol},
          {"metric", table.metric},  {"unit", table.unit}, {"higher", table.higher_is_better},
          {"columns", columns},      {"lines", lines},     {"notes", table.notes}};
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", gmtime_r(&now, &parts));
  return text;
}

/// A line of JSON for each trial; equal environments are kept once and named by their place.
std::string details_of(const Store& store, const Rows& rows, Json& environments) {
  const auto& trials = rows.trials;
  auto broken = with_inherited(trials, rows.broken);
  std::map<std::string, size_t> known;
  std::string lines;
  for (const auto& trial : trials) {
    auto outcome = trial.state == "done" ? store.outcome_without_items(trial.id) : Outcome{};
    if (trial.kind != "dense") {  // a gate that it failed is the dense trial's
      for (const auto& v : broken[trial.id]) {
        if (v.rule == kInheritedRule) outcome.verdicts.push_back(v);
      }
    }
    Json detail = provenance(trial, outcome, false);
    if (has_scatter(outcome)) detail["scatter"] = scatter_of(store.outcome(trial.id));
    const auto [it, fresh] = known.try_emplace(dumped(detail["environment"]), known.size());
    if (fresh) environments.push_back(detail["environment"]);
    detail["environment"] = it->second;
    lines += dumped(detail) + "\n";
  }
  return lines;
}

/// Replaces each @NAME@ of the page once; what is put in is not searched again.
std::string filled(std::string_view page, const std::map<std::string, std::string_view>& parts) {
  std::string out;
  while (!page.empty()) {
    const size_t at = page.find('@');
    const size_t end = at == page.npos ? page.npos : page.find('@', at + 1);
    const auto it =
        end == page.npos ? parts.end() : parts.find(std::string(page.substr(at + 1, end - at - 1)));
    if (it == parts.end()) {
      out += page.substr(0, at == page.npos ? at : at + 1);
      page.remove_prefix(at == page.npos ? page.size() : at + 1);
      continue;
    }
    out += page.substr(0, at);
    out += it->second;
    page.remove_prefix(end + 1);
  }
  return out;
}

/// Chart.js as it may stand inside <script>.
std::string inline_script(std::string_view text) {
  std::string out;
  for (size_t at; (at = text.find("</script")) != text.npos;) {
    (out += text.substr(0, at)) += "<\\";
    text.remove_prefix(at + 1);
  }
  return out += text;
}

}  // namespace

std::string inside_script(std::string json) {
  size_t count = 0;
  for (const char c : json) count += c == '<';
  std::string out;
  out.reserve(json.size() + 5 * count);
  for (const char c : json) {
    if (c == '<')
      out += "\\u003c";
    else
      out += c;
  }
  return out;
}

std::string leaderboard_page(const Store& store) {
  const Rows rows = read_rows(store);
  const Report report = pivot(rows, {});
  Json models = Json::array(), tables = Json::array(), trials = Json::array();
  Json environments = Json::array();
  for (const auto& table : report.tables) {
    if (models.empty() || models.back() != table.model) models.push_back(table.model);
    tables.push_back(table_json(table));
  }
  for (const auto& trial : rows.trials) trials.push_back(trial.id);
  const std::string details = inside_script(details_of(store, rows, environments));
  const std::string data = inside_script(dumped({{"written", today()},
                                                 {"notes", report.notes},
                                                 {"models", models},
                                                 {"tables", tables},
                                                 {"trials", trials},
                                                 {"environments", environments}}));
  const std::string chart = inline_script(page::chart_js());
  std::string script;
  for (const auto part : {page::app_js(), page::curve_js(), page::scatter_js(),
                          page::panel_js()}) {
    (script += part) += '\n';
  }
  return filled(page::page_html(), {{"STYLE", page::style_css()},
                                    {"DATA", data},
                                    {"DETAILS", details},
                                    {"CHART", chart},
                                    {"SCRIPT", script}});
}

}  // namespace bench
