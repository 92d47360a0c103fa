// One line a cell (RFC 4180), the dense baseline once: what a spreadsheet or a data frame pivots.
#include "base/error.h"
#include "reports/escape.h"
#include "reports/render.h"

namespace bench {

namespace {

void add(std::string& out, const Table& table, const Line& line, const Column& column,
         const Cell& cell, const Rows& rows) {
  const auto text = [&](const std::string& field) { (out += csv(field)) += ','; };
  const auto value = [&](double v) { (out += exact(v)) += ','; };
  text(column.model.empty() ? table.model : column.model);
  const bool own = !table.title.empty();  // columns say what they are of
  text(own ? column.task : table.task);
  text(own ? column.protocol : table.protocol);
  text(own ? column.metric : table.metric);
  text(own ? column.unit : table.unit);
  const bool directed = own ? column.directed : table.directed;
  out += !directed ? "," : (own ? column.higher_is_better : table.higher_is_better) ? "1," : "0,";
  text(line.method);
  text(column.pattern);
  value(column.sparsity);
  value(cell.measured);
  value(cell.value);
  value(cell.error);
  value(cell.error_items);
  value(cell.error_seeds);
  value(cell.delta);
  out += cell.best ? "1," : "0,";
  out += cell.invalid.empty() ? "0," : "1,";
  text(cell.reason);
  text(cell.spread);
  std::string ids;
  for (const size_t t : cell.trials) ids += (ids.empty() ? "" : " ") + rows.trials[t].id;
  text(ids);
  text(mark_of(cell));
  std::string why;
  for (const auto* list : {&cell.invalid, &cell.warnings}) {
    for (const auto& reason : *list) why += (why.empty() ? "" : "; ") + reason;
  }
  out += csv(why) + "\r\n";
}

}  // namespace

std::string render_csv(const Report& report, const Rows& rows) {
  std::string out =
      "model,task,protocol,metric,unit,higher_is_better,method,pattern,sparsity,measured_sparsity,"
      "value,stderr,stderr_items,stderr_seeds,delta,best,invalid,missing,mean_of,trials,"
      "mark,why\r\n";
  Column dense{"dense", 0, "dense", ""};
  for (const auto& table : report.tables) {
    for (size_t l = 0; l < table.lines.size(); ++l) {
      const auto& line = table.lines[l];
      for (size_t c = 0; l == 0 && c < line.cells.size(); ++c) {
        // The dense number of a model, once.
        if (c > 0 && table.title.empty() && table.columns[c].model == table.columns[c - 1].model)
          continue;
        if (!table.title.empty()) {
          auto head = table.columns[c];
          head.pattern = line.dense ? "dense" : head.pattern;
          head.sparsity = line.dense ? 0 : head.sparsity;
          add(out, table, line, head, line.cells[c], rows);
          continue;
        }
        dense.model = table.columns[c].model;
        add(out, table, line, dense, line.cells[c], rows);
      }
      if (l == 0) continue;
      for (size_t c = 0; c < line.cells.size(); ++c) {
        add(out, table, line, table.columns[c], line.cells[c], rows);
      }
    }
  }
  return out;
}

}  // namespace bench
