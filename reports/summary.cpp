#include "reports/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "reports/escape.h"
#include "reports/render.h"
#include "reports/sheet.h"

namespace bench {

namespace {

constexpr size_t kNamed = 3;      // best methods that are named; the others are counted
constexpr size_t kMostRows = 40;  // of the overview: a screen

/// "wanda 12.5 = sparsegpt, +2": the best and what cannot be told from it.
std::string winners(const Table& table, size_t column) {
  std::vector<const Line*> best;
  for (const auto& line : table.lines)
    if (!line.dense && line.cells[column].best) best.push_back(&line);
  if (best.empty()) return "–";
  const bool higher = table.higher_is_better;
  std::stable_sort(best.begin(), best.end(), [&](const Line* a, const Line* b) {
    const double x = a->cells[column].value, y = b->cells[column].value;
    return higher ? x > y : x < y;
  });
  auto text = fmt::format("{} {}", best[0]->method, number(best[0]->cells[column].value));
  for (size_t i = 1; i < std::min(best.size(), kNamed); ++i) text += " = " + best[i]->method;
  if (best.size() > kNamed) text += fmt::format(" = {} more", best.size() - kNamed);
  return text;
}

/// One row a pattern and share, one column a task.
Sheet overview(const std::string& model, const std::vector<const Table*>& tables) {
  Sheet sheet{{{model}}, {false}};
  std::vector<std::string> labels;
  for (const auto* t : tables) {
    sheet.rows[0].push_back(
        fmt::format("{} {}{}", t->task, t->metric, t->foreign ? " (foreign)" : ""));
    sheet.right.push_back(false);
    for (const auto& c : t->columns)
      if (std::find(labels.begin(), labels.end(), c.label) == labels.end())
        labels.push_back(c.label);
  }
  std::vector<std::string> dense{"dense"};
  for (const auto* t : tables) {
    const auto& cell = t->lines.front().cells.front();
    dense.push_back(cell.kind == Cell::Kind::Value ? number(cell.value) : "– " + cell.reason);
  }
  sheet.rows.push_back(dense);
  for (const auto& label : labels) {
    std::vector<std::string> row{label};
    for (const auto* t : tables) {
      const auto at = std::find_if(t->columns.begin(), t->columns.end(),
                                   [&](const Column& c) { return c.label == label; });
      const auto column = static_cast<size_t>(at - t->columns.begin());
      row.push_back(at == t->columns.end() ? "–" : winners(*t, column));
    }
    sheet.rows.push_back(std::move(row));
  }
  return sheet;
}

std::string duration(double seconds) {
  const auto s = static_cast<int64_t>(seconds);
  return s < 60     ? fmt::format("{} s", s)
         : s < 3600 ? fmt::format("{} min {:02} s", s / 60, s % 60)
                    : fmt::format("{} h {:02} min", s / 3600, s / 60 % 60);
}

std::string standing(const Rows& rows) {
  std::map<std::string, int> states;
  double work = 0;
  for (const auto& t : rows.trials) {
    ++states[t.state];
    if (t.state == "done") work += t.finished - t.started;
  }
  std::string text = fmt::format("{} trials", rows.trials.size());
  const char* before = ": ";
  for (const auto& [state, count] : states) {
    text += fmt::format("{}{} {}", before, count, state);
    before = ", ";
  }
  return text + fmt::format("; {} of work\n", duration(work));
}

std::string failures(const Rows& rows) {
  constexpr int kMost = 5;
  int count = 0;
  std::string out;
  for (const auto& t : rows.trials) {
    if (t.state != "failed" || ++count > kMost) continue;
    out +=
        fmt::format("failed: {} {} {} {:.4g}% ({}): {}\n", printable(t.model), printable(t.method),
                    printable(t.pattern), t.sparsity * 100, t.id, printable(t.error));
  }
  if (count > kMost) out += fmt::format("and {} more failed\n", count - kMost);
  return out;
}

}  // namespace

std::string render_summary(const Rows& rows, const std::string& db, bool colour) {
  const auto report = pivot(rows, {});
  std::vector<std::string> models;
  std::map<std::string, std::vector<const Table*>> by_model;
  std::set<std::string> seen;  // a task's first metric
  for (const auto& t : report.tables) {
    if (!t.directed || !seen.insert(t.model + "|" + t.task).second) continue;
    if (by_model[t.model].empty()) models.push_back(t.model);
    by_model[t.model].push_back(&t);
  }
  std::string out;
  size_t shown = 0;
  for (const auto& model : models) {
    const auto sheet = overview(model, by_model[model]);
    if (shown > 0 && shown + sheet.rows.size() > kMostRows) {
      out += fmt::format("... and {}\n\n", printable(model));
      continue;
    }
    shown += sheet.rows.size();
    auto text = sheet_text(sheet);
    if (colour)
      text = "\x1b[1m" + text.substr(0, text.find('\n')) + "\x1b[0m" + text.substr(text.find('\n'));
    out += text + "\n";
  }
  if (!models.empty())
    out += "the best of each, and with = what cannot be told from it (95 %, Holm)\n\n";
  const auto flag = db == "out/bench.db" ? std::string() : " --db " + printable(db);
  return out + standing(rows) + failures(rows) + "next: bench report --full" + flag +
         " (all numbers), bench leaderboard" + flag + " (a page), bench show TRIAL" + flag + "\n";
}

}  // namespace bench
