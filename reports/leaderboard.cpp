#include "reports/leaderboard.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <map>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "reports/figures/figures.h"
#include "reports/inherit.h"
#include "reports/packed.h"
#include "reports/page/files.h"
#include "reports/pivot.h"
#include "reports/provenance.h"
#include "reports/scatter.h"

namespace bench {

namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kDetailsTogether = 100;  // trials that are unpacked at once
constexpr size_t kMostItems = 1'000'000;  // scores of items that a page carries

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

Json columns_json(const Table& table) {
  Json columns = Json::array();
  for (const auto& c : table.columns) {
    columns.push_back(
        {{"label", c.label}, {"pattern", c.pattern}, {"sparsity", finite(c.sparsity)}});
  }
  return columns;
}

Json table_json(const Table& table) {
  Json lines = Json::array();
  for (const auto& line : table.lines) {
    Json cells = Json::array();
    for (const auto& cell : line.cells) cells.push_back(cell_json(cell));
    lines.push_back({{"method", line.method}, {"dense", line.dense}, {"cells", std::move(cells)}});
  }
  return {
      {"model", table.model},           {"task", table.task}, {"protocol", table.protocol},
      {"metric", table.metric},         {"unit", table.unit}, {"higher", table.higher_is_better},
      {"columns", columns_json(table)}, {"lines", lines},     {"notes", table.notes}};
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", gmtime_r(&now, &parts));
  return text;
}

/// Blocks of lines of JSON, a line for each trial, each block packed for itself, so that a panel
/// opens without unpacking all; equal environments are kept once and named by their place.
std::string details_of(const Store& store, const Rows& rows, Json& environments) {
  const auto& trials = rows.trials;
  auto broken = with_inherited(trials, rows.broken);
  std::map<std::string, size_t> known;
  std::string lines, blocks;
  for (size_t i = 0; i < trials.size(); ++i) {
    const auto& trial = trials[i];
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
    if ((i + 1) % kDetailsTogether == 0 || i + 1 == trials.size()) {
      blocks += packed(lines) + "\n";
      lines.clear();
    }
  }
  return blocks;
}

Json ranking_json(const Ranking& r, const Series& series) {
  Json rows = Json::array();
  for (const auto& row : r.rows)
    rows.push_back({{"m", row.method},
                    {"mean", finite(row.mean)},
                    {"low", finite(row.low)},
                    {"high", finite(row.high)},
                    {"n", row.columns}});
  return {{"structured", r.structured},
          {"columns", r.columns},
          {"rows", rows},
          {"svg", svg_of(rank_figure(r, series), false)}};
}

Json iso_json(const IsoQuality& iso) {
  Json rows = Json::array();
  for (const auto& k : iso.rows)
    rows.push_back(
        {{"m", k.method}, {"p", k.pattern}, {"s", finite(k.sparsity)}, {"least", k.at_least}});
  return {{"task", iso.task},
          {"metric", iso.metric},
          {"loss", iso.loss},
          {"limit", iso.limit},
          {"rows", rows}};
}

/// Overlaps of all pairs (a < b), layer by layer: a byte each, 200 is 1 and 255 none.
std::string overlaps(const Atlas& atlas) {
  std::string bytes;
  for (size_t a = 0; a < atlas.rows.size(); ++a)
    for (size_t b = a + 1; b < atlas.rows.size(); ++b)
      for (size_t l = 0; l < atlas.layers.size(); ++l) {
        const double v = atlas.overlap(a, b, l);
        bytes += static_cast<char>(std::isnan(v) ? 255 : std::lround(200 * v));
      }
  return text::to_base64(bytes);
}

Json atlas_json(const Atlas& atlas) {
  Json rows = Json::array();
  for (const auto& row : atlas.rows) {
    Json zeros = Json::array();
    for (const double z : row.zeros)
      zeros.push_back(std::isnan(z) ? Json() : Json(std::round(1e4 * z) / 1e4));
    rows.push_back({{"m", row.method}, {"t", row.trials}, {"z", zeros}});
  }
  return {{"column", atlas.column},
          {"structured", atlas.structured},
          {"layers", atlas.layers},
          {"rows", rows},
          {"o", overlaps(atlas)}};
}

/// What the page shows of each model before its tables.
Json models_json(const Rows& rows, const Report& report) {
  std::map<std::string, Json> by_model;
  std::vector<std::string> order;
  for (const auto& t : report.tables)
    if (by_model
            .try_emplace(t.model, Json{{"name", t.model},
                                       {"columns", columns_json(t)},
                                       {"ranks", Json::array()},
                                       {"fronts", Json::array()},
                                       {"iso", Json::array()},
                                       {"atlas", Json::array()}})
            .second)
      order.push_back(t.model);
  std::map<std::string, Series> series;
  for (const auto& model : order) {
    series[model] = series_of(report, model);
    by_model[model]["series"] = series[model];
  }
  for (const auto& r : rankings(report))
    by_model[r.model]["ranks"].push_back(ranking_json(r, series[r.model]));
  for (const auto& f : fronts(report))
    by_model[f.model]["fronts"].push_back(
        {{"task", f.task},
         {"metric", f.metric},
         {"cost", f.cost},
         {"svg", svg_of(pareto_figure(f, series[f.model], true), false)}});
  for (const auto& iso : iso_quality(report)) by_model[iso.model]["iso"].push_back(iso_json(iso));
  for (const auto& atlas : atlases(rows, report))
    by_model[atlas.model]["atlas"].push_back(atlas_json(atlas));
  Json out = Json::array();
  for (const auto& model : order) out.push_back(std::move(by_model[model]));
  return out;
}

/// The number of a table that a trial left.
const MetricRow* metric_in(const std::map<std::string, std::vector<const MetricRow*>>& metrics,
                           const Table& table, const std::string& trial) {
  const auto it = metrics.find(trial);
  if (it == metrics.end()) return nullptr;
  for (const auto* m : it->second)
    if (m->task == table.task && m->protocol == table.protocol && m->name == table.metric) return m;
  return nullptr;
}

/// Scores of items by trial, for tables whose numbers are the mean of them: what two methods are
/// compared by, item by item. Nothing where a page would carry too many.
Json items_json(const Rows& rows,
                const std::map<std::string, std::vector<const MetricRow*>>& metrics,
                const Table& table, size_t& left) {
  Json out = Json::object();
  for (const auto& line : table.lines)
    for (const auto& cell : line.cells) {
      if (cell.trials.empty() || cell.kind == Cell::Kind::Missing) continue;
      const auto trial = cell.trials.front();
      const auto key = std::to_string(trial);
      if (out.contains(key)) continue;
      const auto& id = rows.trials[trial].id;
      const auto* metric = metric_in(metrics, table, id);
      if (!metric) continue;
      const auto items = rows.items(id, *metric);
      if (items.empty() || items.size() > left) continue;
      left -= items.size();
      out[key] = text::to_base64(
          {reinterpret_cast<const char*>(items.data()), items.size() * sizeof(float)});
    }
  return out;
}

Json tables_json(const Rows& rows, const Report& report) {
  const auto leading = leading_tables(report);
  Json tables = Json::array();
  std::map<std::string, std::vector<const MetricRow*>> metrics;
  for (const auto& m : rows.metrics) metrics[m.trial].push_back(&m.metric);
  size_t left = kMostItems;
  for (const auto& table : report.tables) {
    auto json = table_json(table);
    if (std::find(leading.begin(), leading.end(), &table) != leading.end()) {
      const auto series = series_of(report, table.model);
      for (const bool structured : {false, true})
        if (std::any_of(table.columns.begin(), table.columns.end(), [&](const Column& c) {
              return c.pattern != "dense" && is_structured(c.pattern) == structured;
            }))
          json[structured ? "curve_structured" : "curve"] =
              svg_of(curve_figure(table, structured, series, true), false);
      json["items"] = items_json(rows, metrics, table, left);
    }
    tables.push_back(std::move(json));
  }
  return tables;
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

double work_of(const Rows& rows) {
  double seconds = 0;
  for (const auto& t : rows.trials)
    if (t.state == "done") seconds += t.finished - t.started;
  return seconds;
}

}  // namespace

std::string leaderboard_page(const Store& store, const std::string& db) {
  const Rows rows = read_rows(store);
  const Report report = pivot(rows, {});
  Json trials = Json::array(), environments = Json::array();
  for (const auto& trial : rows.trials) trials.push_back(trial.id);
  const std::string details = details_of(store, rows, environments);
  const std::string data = packed(dumped({{"written", today()},
                                          {"db", db},
                                          {"notes", report.notes},
                                          {"seconds", work_of(rows)},
                                          {"models", models_json(rows, report)},
                                          {"tables", tables_json(rows, report)},
                                          {"together", kDetailsTogether},
                                          {"trials", trials},
                                          {"environments", environments}}));
  return filled(
      page::html(),
      {{"STYLE", page::style()}, {"DATA", data}, {"DETAILS", details}, {"SCRIPT", page::script()}});
}

}  // namespace bench
