#include <cmath>
#include <nlohmann/json.hpp>

#include "reports/render.h"

namespace bench {

namespace {

using Json = nlohmann::ordered_json;

Json finite(double v) {
  if (std::isnan(v)) return nullptr;
  if (std::isinf(v)) return v > 0 ? "inf" : "-inf";  // JSON has no infinity
  return v;
}

Json cell_json(const Cell& cell, const Rows& rows) {
  Json trials = Json::array();
  for (const size_t t : cell.trials) trials.push_back(rows.trials[t].id);
  if (cell.kind == Cell::Kind::Missing) return {{"missing", cell.reason}, {"trials", trials}};
  Json json{{"value", finite(cell.value)},
            {"stderr", finite(cell.error)},
            {"stderr_items", finite(cell.error_items)},
            {"stderr_seeds", finite(cell.error_seeds)},
            {"delta", finite(cell.delta)},
            {"measured_sparsity", finite(cell.measured)},
            {"best", cell.best},
            {"invalid", !cell.invalid.empty()},
            {"trials", trials}};
  if (*mark_of(cell)) {
    json["mark"] = mark_of(cell);
    json["why"] = cell.invalid;
    for (const auto& warning : cell.warnings) json["why"].push_back(warning);
  }
  if (!cell.spread.empty()) json["mean_of"] = cell.spread;
  return json;
}

Json table_json(const Table& table, const Rows& rows) {
  Json columns = Json::array(), lines = Json::array();
  for (const auto& c : table.columns) {
    columns.push_back({{"pattern", c.pattern}, {"sparsity", finite(c.sparsity)}});
    if (!c.model.empty()) columns.back()["model"] = c.model;
    if (table.title.empty()) continue;
    columns.back()["label"] = c.label;
    columns.back()["task"] = c.task;
    columns.back()["protocol"] = c.protocol;
    columns.back()["metric"] = c.metric;
    columns.back()["higher_is_better"] = c.higher_is_better;
  }
  // Of one model there is one dense number; of several it is a line like all others.
  const bool one = table.title.empty() && (table.columns.empty() || table.columns[0].model.empty());
  for (size_t l = one ? 1 : 0; l < table.lines.size(); ++l) {
    Json cells = Json::array();
    for (const auto& cell : table.lines[l].cells) cells.push_back(cell_json(cell, rows));
    lines.push_back({{table.row_head, table.lines[l].method}, {"cells", cells}});
  }
  if (!table.title.empty())
    return {{"title", table.title}, {"columns", columns}, {"rows", lines}, {"notes", table.notes}};
  return {{"model", table.model},
          {"task", table.task},
          {"protocol", table.protocol},
          {"metric", table.metric},
          {"unit", table.unit},
          {"higher_is_better", table.higher_is_better},
          {"dense", cell_json(table.lines.front().cells.front(), rows)},
          {"columns", columns},
          {"methods", lines},
          {"notes", table.notes}};
}

}  // namespace

std::string render_json(const Report& report, const Rows& rows) {
  Json tables = Json::array();
  for (const auto& table : report.tables) tables.push_back(table_json(table, rows));
  const Json json{{"tables", tables}, {"notes", report.notes}};
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace bench
