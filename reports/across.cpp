#include "reports/across.h"

#include <algorithm>
#include <set>

#include "base/error.h"

namespace bench {

namespace {

std::string window_off(const std::string& task) {
  return task.substr(0, task.find('@'));
}

std::string row_text(const Trial& t) {
  return fmt::format("{} {} {} {:.4g}% (trial {})", t.model, t.method, t.pattern, 100 * t.sparsity,
                     t.id.substr(0, 12));
}

/// The first rows of a table, for a person.
std::string rows_of(const Table& table, const Rows& rows) {
  std::vector<std::string> some;
  std::set<size_t> seen;
  for (const auto& line : table.lines) {
    for (const auto& cell : line.cells) {
      if (cell.kind != Cell::Kind::Value) continue;
      for (const size_t t : cell.trials) {
        if (seen.insert(t).second && some.size() < 2) some.push_back(row_text(rows.trials[t]));
      }
    }
  }
  std::string text;
  for (const auto& one : some) text += (text.empty() ? "" : ", ") + one;
  if (seen.size() > some.size()) text += fmt::format(" and {} more", seen.size() - some.size());
  return text;
}

[[noreturn]] void refuse(const std::vector<const Table*>& tables, const Rows& rows) {
  std::string text;
  std::set<std::string> tasks, protocols;
  for (const auto* t : tables) {
    text += fmt::format("\n  {} by {}: {}", t->task, t->protocol, rows_of(*t, rows));
    tasks.insert(t->task);
    protocols.insert(t->protocol);
  }
  std::string remedy;
  if (tasks.size() > 1) remedy += fmt::format(" --task {}", *tasks.begin());
  if (protocols.size() > 1) remedy += fmt::format(" --protocol {}", *protocols.begin());
  fail(
      "{} ({}): one table would mix {}{}{}, whose numbers cannot be compared; leave one, for "
      "example with{}:{}",
      window_off(tables[0]->task), tables[0]->metric, tasks.size() > 1 ? "windows" : "",
      tasks.size() > 1 && protocols.size() > 1 ? " and " : "",
      protocols.size() > 1 ? "protocols" : "", remedy, text);
}

const Line* line_of(const Table& table, const std::string& method) {
  for (const auto& line : table.lines) {
    if (line.method == method) return &line;
  }
  return nullptr;
}

Table joined(const std::vector<const Table*>& tables) {
  Table all = *tables.front();
  all.model = "";
  all.columns.clear();
  all.lines.clear();
  all.notes.clear();
  std::set<std::string> methods;
  for (const auto* t : tables) {
    all.model += (all.model.empty() ? "" : ", ") + t->model;
    for (auto column : t->columns) {
      column.model = t->model;
      column.label = t->model + " " + column.label;
      all.columns.push_back(std::move(column));
    }
    for (const auto& line : t->lines) methods.insert(line.method);
    for (const auto& note : t->notes) all.notes.push_back(t->model + ": " + note);
  }
  std::vector<std::string> order{"dense"};
  for (const auto& method : methods) {
    if (method != "dense") order.push_back(method);
  }
  for (const auto& method : order) {
    Line line{method, method == "dense", {}};
    for (const auto* t : tables) {
      const Line* here = line_of(*t, method);
      for (size_t c = 0; c < t->columns.size(); ++c) {
        Cell none;
        none.reason = "no trial";
        line.cells.push_back(here ? here->cells[c] : none);
      }
    }
    all.lines.push_back(std::move(line));
  }
  return all;
}

}  // namespace

std::vector<Table> across_models(const std::vector<Table>& tables, const Rows& rows) {
  std::vector<std::vector<const Table*>> groups;
  for (const auto& t : tables) {
    const auto it = std::find_if(groups.begin(), groups.end(), [&](const auto& group) {
      return window_off(group[0]->task) == window_off(t.task) && group[0]->metric == t.metric;
    });
    if (it == groups.end())
      groups.push_back({&t});
    else
      it->push_back(&t);
  }
  std::vector<Table> all;
  for (const auto& group : groups) {
    for (const auto* t : group) {
      if (t->task != group[0]->task || t->protocol != group[0]->protocol) refuse(group, rows);
    }
    all.push_back(joined(group));
  }
  return all;
}

}  // namespace bench
