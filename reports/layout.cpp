#include "reports/layout.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/error.h"
#include "base/near.h"
#include "reports/distinguish.h"
#include "reports/overview.h"

namespace bench {

namespace {

constexpr const char* kStructured = " · structured";  // ends the title of such a table

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// One number with everything that says what it is of.
struct Entry {
  const Table* table;
  const Line* line;
  const Column* column;
  const Cell* cell;
};

/// Names in the order in which they first come, with their places.
class Order {
 public:
  size_t of(const std::string& name) {
    const auto [it, first] = places_.try_emplace(name, names_.size());
    if (first) names_.push_back(name);
    return it->second;
  }
  const std::vector<std::string>& names() const { return names_; }

 private:
  std::map<std::string, size_t> places_;
  std::vector<std::string> names_;
};

void check_known(const char* flag, const std::vector<std::string>& asked,
                 const std::set<std::string>& known) {
  for (const auto& name : asked)
    if (known.count(name) == 0)
      fail("{}: there is no '{}' in these tables{}", flag, name,
           suggestion(name, {known.begin(), known.end()}));
}

std::string title_of(const std::vector<std::string>& parts) {
  std::string text;
  for (const auto& part : parts)
    if (!part.empty()) text += (text.empty() ? "" : " · ") + part;
  return text;
}

class Arrangement {
 public:
  Arrangement(const Report& report, const Layout& layout) : report_(report), layout_(layout) {}

  Report run() {
    check_names();
    choose_metrics();
    for (const auto& table : report_.tables)
      if (wanted(table)) add(table);
    std::stable_partition(sections_.begin(), sections_.end(),
                          [](const Section& s) { return !s.title.ends_with(kStructured); });
    Report out;
    for (auto& section : sections_) out.tables.push_back(finished(section));
    out.notes = report_.notes;
    return out;
  }

 private:
  struct Section {
    std::string title;
    Order rows, columns;
    std::vector<Column> heads;
    std::vector<bool> dense;
    std::map<std::pair<size_t, size_t>, Entry> cells;
  };

  void check_names() const {
    if (!has(row_names(), layout_.rows))
      fail("--rows: '{}' is none{}", layout_.rows, suggestion(layout_.rows, row_names()));
    for (const auto& c : layout_.columns)
      if (!has(column_names(), c))
        fail("--columns: '{}' is none{}", c, suggestion(c, column_names()));
    std::set<std::string> methods, patterns, metrics;
    for (const auto& t : report_.tables) {
      metrics.insert(t.metric);
      for (const auto& c : t.columns) patterns.insert(c.pattern);
      for (const auto& l : t.lines) methods.insert({l.method, given_name(l.method)});
    }
    check_known("--method", layout_.methods, methods);
    check_known("--pattern", layout_.patterns, patterns);
    check_known("--metric", layout_.metrics, metrics);
  }

  /// Where no metric is named, the first that a task has.
  void choose_metrics() {
    for (const auto& t : report_.tables) first_.try_emplace(t.model + "|" + t.task, t.metric);
  }

  bool wanted(const Table& t) const {
    return layout_.metrics.empty() ? first_.at(t.model + "|" + t.task) == t.metric
                                   : has(layout_.metrics, t.metric);
  }

  bool wanted(const Line& line, const Column& column) const {
    const auto& l = layout_;
    if (!line.dense && !l.methods.empty() && !has(l.methods, line.method) &&
        !has(l.methods, given_name(line.method)))
      return false;
    if (!l.patterns.empty() && !has(l.patterns, column.pattern)) return false;
    return l.sparsities.empty() ||
           std::any_of(l.sparsities.begin(), l.sparsities.end(),
                       [&](double s) { return std::abs(s - column.sparsity) < 1e-9; });
  }

  bool in_columns(const char* name) const {
    return has(layout_.columns, name) ||
           (std::string(name) == "sparsity" && has(layout_.columns, "pattern"));
  }

  void add(const Table& table) {
    for (size_t c = 0; c < table.columns.size(); ++c)
      for (const auto& line : table.lines) {
        const auto& column = table.columns[c];
        if (!wanted(line, column)) continue;
        const auto& cell = line.cells[c];
        if (cell.kind == Cell::Kind::Missing && cell.trials.empty() && !line.dense) continue;
        add({&table, &line, &column, &cell});
      }
  }

  void add(const Entry& e) {
    const bool setting = layout_.rows == "setting";
    std::vector<std::string> row, column, rest;
    // A dense model has no pattern: where patterns stand in rows, it is one row.
    const auto place = e.line->dense && setting ? std::string() : e.column->label;
    (layout_.rows == "model" ? row : rest).push_back(e.table->model);
    (layout_.rows == "model" ? rest : row).push_back(e.line->method);
    if (setting)
      row.push_back(place);
    else
      (in_columns("sparsity") ? column : rest).push_back(place);
    (in_columns("task") ? column : rest).push_back(e.table->task);
    // A metric says itself where it is not the only one; protocols of one task never share a
    // column.
    const bool several = in_columns("metric") || layout_.metrics.size() > 1 || in_columns("task");
    (several ? column : rest).push_back(e.table->metric);
    (in_columns("task") ? column : rest).push_back(e.table->protocol);
    auto& section = section_of(title_of(rest), setting && is_structured(e.column->pattern), e);
    const auto r = section.rows.of(title_of(row));
    if (section.dense.size() <= r) section.dense.push_back(e.line->dense);
    const auto c = section.columns.of(title_of(column));
    if (section.heads.size() <= c) section.heads.push_back(head_of(e, title_of(column)));
    section.cells.try_emplace({r, c}, e);
  }

  /// Settings of structured patterns have tables of their own; a dense row stands in both.
  Section& section_of(const std::string& title, bool structured, const Entry&) {
    const auto name = structured ? title + kStructured : title;
    for (auto& s : sections_)
      if (s.title == name) return s;
    sections_.push_back({name, {}, {}, {}, {}, {}});
    return sections_.back();
  }

  static Column head_of(const Entry& e, const std::string& label) {
    Column head = *e.column;
    head.label = label.empty() ? e.table->metric : label;
    head.model = e.table->model;
    head.task = e.table->task;
    head.protocol = e.table->protocol;
    head.metric = e.table->metric;
    head.unit = e.table->unit;
    head.higher_is_better = e.table->higher_is_better;
    head.directed = e.table->directed;
    return head;
  }

  /// Protocols stand in a column's name only where one task has several.
  static void shorten(std::vector<Column>& heads) {
    std::map<std::string, int> count;  // of names without their protocol
    std::vector<std::string> names;
    for (const auto& head : heads) {
      const auto end = " · " + head.protocol;
      const bool says = head.label.ends_with(end);
      names.push_back(says ? head.label.substr(0, head.label.size() - end.size()) : head.label);
      ++count[names.back()];
    }
    for (size_t i = 0; i < heads.size(); ++i)
      if (count[names[i]] == 1) heads[i].label = names[i];
  }

  Table finished(Section& s) const {
    Table out;
    out.title = s.title;
    out.row_head = layout_.rows;
    out.columns = s.heads;
    shorten(out.columns);
    for (size_t r = 0; r < s.rows.names().size(); ++r) {
      Line line{s.rows.names()[r], s.dense[r], {}};
      for (size_t c = 0; c < s.heads.size(); ++c) {
        const auto it = s.cells.find({r, c});
        Cell none;
        none.reason = "no trial";
        line.cells.push_back(it == s.cells.end() ? none : *it->second.cell);
        if (layout_.rows == "model") line.cells.back().best = false;  // was against other methods
      }
      out.lines.push_back(std::move(line));
    }
    for (const auto& tasks : layout_.means) add_mean(out, tasks);
    if (layout_.rank) add_rank(out);
    return out;
  }

  static void add_mean(Table& table, const std::vector<std::string>& tasks) {
    std::vector<size_t> parts;
    for (const auto& task : tasks)
      for (size_t c = 0; c < table.columns.size(); ++c)
        if (const auto& t = table.columns[c].task; t == task || t.substr(0, t.find('@')) == task)
          parts.push_back(c);
    if (parts.size() != tasks.size())
      fail(
          "--mean: of its {} tasks {} stand in the columns of '{}'; name each with the one metric "
          "that it is the mean of (--metric), and --columns task",
          tasks.size(), parts.size(), table.title);
    Column head;
    head.label = fmt::format("mean of {}", parts.size());
    head.metric = "mean " + table.columns[parts.front()].metric;
    head.task = fmt::format("{}", fmt::join(tasks, ","));
    head.higher_is_better = table.columns[parts.front()].higher_is_better;
    head.model = table.columns[parts.front()].model;
    for (auto& line : table.lines) {
      Cell mean;
      double sum = 0, squares = 0;
      for (const size_t c : parts) {
        const auto& cell = line.cells[c];
        if (cell.kind == Cell::Kind::Missing) {
          mean.reason = table.columns[c].task + ": " + cell.reason;
          break;
        }
        sum += cell.value, squares += cell.error * cell.error;
        mean.trials.insert(mean.trials.end(), cell.trials.begin(), cell.trials.end());
        for (const auto& why : cell.invalid) mean.invalid.push_back(why);
        for (const auto& why : cell.warnings) mean.warnings.push_back(why);
      }
      if (mean.reason.empty()) {
        mean.kind = Cell::Kind::Value;
        const auto n = static_cast<double>(parts.size());
        mean.value = sum / n;
        mean.error = std::sqrt(squares) / n;  // tasks are independent
      }
      line.cells.push_back(std::move(mean));
    }
    table.columns.push_back(head);
  }

  /// Of each row its mean place over the columns that have a direction, ties sharing theirs; a row
  /// that lacks a number in one of them has none.
  static void add_rank(Table& table) {
    std::vector<double> sums(table.lines.size(), 0);
    int counted = 0;
    for (size_t c = 0; c < table.columns.size(); ++c) {
      const auto& head = table.columns[c];
      if (!head.directed || head.label.rfind("mean of", 0) == 0) continue;
      ++counted;
      for (size_t r = 0; r < table.lines.size(); ++r) {
        const double v = table.lines[r].cells[c].value;
        if (std::isnan(v)) sums[r] = kNone;
        double place = 1;
        for (size_t o = 0; o < table.lines.size(); ++o) {
          if (o == r || table.lines[o].dense) continue;
          const double w = table.lines[o].cells[c].value;
          place += head.higher_is_better ? w > v : w < v;
          place += w == v ? 0.5 : 0;
        }
        sums[r] += place;
      }
    }
    Column head;
    head.label = "mean rank";
    head.metric = "mean rank";
    head.higher_is_better = false;
    for (size_t r = 0; r < table.lines.size(); ++r) {
      Cell cell;
      const bool there = counted > 0 && !std::isnan(sums[r]) && !table.lines[r].dense;
      cell.kind = there ? Cell::Kind::Value : Cell::Kind::Missing;
      cell.value = there ? sums[r] / counted : kNone;
      if (!there) cell.reason = table.lines[r].dense ? "the baseline" : "lacks a number";
      table.lines[r].cells.push_back(cell);
    }
    table.columns.push_back(head);
  }

  const Report& report_;
  const Layout& layout_;
  std::map<std::string, std::string> first_;  // model|task -> its first metric
  std::vector<Section> sections_;
};

}  // namespace

const std::vector<std::string>& row_names() {
  static const std::vector<std::string> names{"method", "model", "setting"};
  return names;
}

const std::vector<std::string>& column_names() {
  static const std::vector<std::string> names{"task", "sparsity", "pattern", "metric"};
  return names;
}

Report laid_out(const Report& report, const Layout& layout) {
  return Arrangement(report, layout).run();
}

Report split_structures(const Report& report) {
  Report out;
  out.notes = report.notes;
  for (const auto& table : report.tables) {
    bool there[2] = {false, false};
    for (const auto& c : table.columns) there[is_structured(c.pattern)] = true;
    if (!there[0] || !there[1]) {
      out.tables.push_back(table);
      continue;
    }
    for (const bool structured : {false, true}) {
      Table half = table;
      half.columns.clear();
      for (auto& line : half.lines) line.cells.clear();
      for (size_t c = 0; c < table.columns.size(); ++c) {
        if (is_structured(table.columns[c].pattern) != structured) continue;
        half.columns.push_back(table.columns[c]);
        for (size_t l = 0; l < table.lines.size(); ++l)
          half.lines[l].cells.push_back(table.lines[l].cells[c]);
      }
      std::erase_if(half.lines, [](const Line& line) {
        return !line.dense && std::all_of(line.cells.begin(), line.cells.end(), [](const Cell& c) {
          return c.kind == Cell::Kind::Missing && c.trials.empty();
        });
      });
      out.tables.push_back(std::move(half));
    }
  }
  return out;
}

}  // namespace bench
