#include "reports/pivot.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <set>
#include <tuple>
#include <unordered_map>

#include "base/error.h"
#include "base/near.h"
#include "reports/across.h"
#include "reports/best.h"
#include "reports/distinguish.h"
#include "reports/notes.h"

namespace bench {

namespace {

const std::string kDense = "dense";

std::string window_off(const std::string& task) {
  const auto given = given_name(task);
  return given.substr(0, given.find('@'));
}

bool wanted(const std::vector<std::string>& names, const std::string& name) {
  return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
}

bool wanted_model(const Selection& selection, const std::string& model) {
  return wanted(selection.models, model) || wanted(selection.models, given_name(model));
}

bool wanted_task(const Selection& selection, const std::string& task) {
  return wanted(selection.tasks, task) || wanted(selection.tasks, given_name(task)) ||
         wanted(selection.tasks, window_off(task));
}

void check_names(const char* what, const std::vector<std::string>& asked,
                 const std::set<std::string>& known) {
  for (const auto& name : asked) {
    if (known.count(name) > 0) continue;
    if (known.empty()) fail("there is no {} '{}': the ledger has none yet", what, name);
    fail("there is no {} '{}'{}", what, name, suggestion(name, {known.begin(), known.end()}));
  }
}

/// n:m patterns after all others.
using ColumnKey = std::tuple<bool, std::string, double>;
ColumnKey key_of(const Trial& t) {
  return {t.pattern.find(':') != std::string::npos, t.pattern, t.sparsity};
}

bool is_foreign(const Trial& t) {
  return t.kind == "foreign";
}

/// The trials of one model, sorted into methods and columns.
struct Grid {
  std::map<std::string, std::map<ColumnKey, std::vector<size_t>>> methods;
  std::map<ColumnKey, Column> columns;
};

struct TableKey {
  bool foreign;  // numbers of other programs and ours never share a table, whatever they are called
  std::string model, task, protocol, metric;
  auto operator<=>(const TableKey&) const = default;
};

using Readings = std::unordered_map<size_t, std::vector<Reading>>;  // by place of the trial

class Pivot {
 public:
  Pivot(const Rows& rows, const Selection& selection)
      : rows_(rows), selection_(selection), facts_(facts_of(rows)) {}

  Report run() {
    sort_trials();
    sort_metrics();
    Report report;
    // Tables appear as their first rows were written: models and tasks in the order of the sweep,
    // foreign ones behind.
    for (const auto& model : models_)
      for (const bool foreign : {false, true})
        for (const auto& key : order_)
          if (key.model == model && key.foreign == foreign)
            report.tables.push_back(table(key, *tables_.at(key)));
    if (selection_.across_models) report.tables = across_models(report.tables, rows_);
    report.notes = notes();
    return report;
  }

 private:
  void sort_trials() {
    for (size_t i = 0; i < rows_.trials.size(); ++i) {
      const Trial& t = rows_.trials[i];
      place_[t.id] = i;
      if (!wanted_model(selection_, t.model)) continue;
      auto& grid = grids_[{t.model, is_foreign(t)}];
      const bool seen = !grid.methods.empty() || grids_.count({t.model, !is_foreign(t)}) > 0;
      if (!seen) models_.push_back(t.model);
      grid.methods[t.method][key_of(t)].push_back(i);
      if (t.method != kDense) grid.columns.try_emplace(key_of(t), column_of(t));
    }
  }

  void sort_metrics() {
    for (const auto& m : rows_.metrics) {
      const auto place = place_.find(m.trial);
      if (place == place_.end()) continue;  // submitted between the two queries
      const Trial& trial = rows_.trials[place->second];
      const std::string& model = trial.model;
      if (!selected(selection_, model, m.metric)) continue;
      const TableKey key{is_foreign(trial), model, m.metric.task, m.metric.protocol, m.metric.name};
      auto& table = tables_[key];
      if (!table) {
        table = std::make_unique<Readings>();
        order_.push_back(key);
      }
      (*table)[place->second].push_back({place->second, &m.metric});
    }
  }

  Cell cell(const Readings& readings, const std::vector<size_t>& trials) const {
    std::vector<Reading> here;
    for (const size_t t : trials) {
      const auto it = readings.find(t);
      if (it != readings.end()) here.insert(here.end(), it->second.begin(), it->second.end());
    }
    return make_cell(facts_, here, trials);
  }

  Table table(const TableKey& key, const Readings& readings) const {
    const Grid& grid = grids_.at({key.model, key.foreign});
    const MetricRow& first = *readings.begin()->second.front().metric;
    Table table{
        key.model,      key.task, key.protocol, key.metric, first.unit, first.higher_is_better,
        first.directed, {},       {},           {}};
    table.foreign = key.foreign;
    for (const auto& [id, column] : grid.columns) table.columns.push_back(column);
    if (table.columns.empty()) table.columns.push_back({kDense, 0, kDense});

    std::vector<size_t> dense_trials;
    if (const auto it = grid.methods.find(kDense); it != grid.methods.end()) {
      for (const auto& [column, trials] : it->second) {
        dense_trials.insert(dense_trials.end(), trials.begin(), trials.end());
      }
    }
    const Cell dense = cell(readings, dense_trials);
    table.lines.push_back({kDense, true, std::vector<Cell>(table.columns.size(), dense)});
    for (const auto& [method, by_column] : grid.methods) {
      if (method == kDense) continue;
      Line line{method, false, {}};
      for (const auto& [id, column] : grid.columns) {
        const auto it = by_column.find(id);
        line.cells.push_back(
            cell(readings, it == by_column.end() ? std::vector<size_t>{} : it->second));
        if (dense.invalid.empty()) line.cells.back().delta = line.cells.back().value - dense.value;
      }
      table.lines.push_back(std::move(line));
    }
    mark_best(table, rows_, readings_of(readings));
    table.notes = notes_of(table, rows_);
    return table;
  }

  static ReadingOf readings_of(const Readings& readings) {
    return [&](size_t trial) -> const MetricRow* {
      const auto it = readings.find(trial);
      return it == readings.end() ? nullptr : it->second.front().metric;
    };
  }

  std::vector<std::string> notes() const {
    std::map<std::string, int> states;
    std::set<std::string> with_rows;
    for (const auto& key : order_) with_rows.insert(key.model);
    int all = 0;
    for (const auto& t : rows_.trials) {
      if (!wanted_model(selection_, t.model)) continue;
      ++states[t.state];
      ++all;
    }
    std::string text = fmt::format("{} trial{}", all, all == 1 ? "" : "s");
    for (const auto& [state, count] : states) {
      text +=
          fmt::format("{} {} {}", text.find(':') == std::string::npos ? ":" : ",", count, state);
    }
    std::vector<std::string> notes{text};
    for (const auto& model : models_) {
      if (with_rows.count(model) == 0) notes.push_back("no results yet for " + model);
    }
    return notes;
  }

  const Rows& rows_;
  const Selection& selection_;
  TrialFacts facts_;
  std::unordered_map<std::string, size_t> place_;  // id -> index
  std::vector<std::string> models_;
  std::map<std::pair<std::string, bool>, Grid> grids_;  // by model and whether foreign
  std::vector<TableKey> order_;
  std::map<TableKey, std::unique_ptr<Readings>> tables_;
};

}  // namespace

Column column_of(const Trial& t) {
  // An n:m pattern says its sparsity itself; of a foreign row it may not be known.
  if (t.pattern.find(':') != std::string::npos || (is_foreign(t) && t.sparsity == 0))
    return {t.pattern, t.sparsity, t.pattern};
  return {t.pattern, t.sparsity, fmt::format("{} {:.4g}%", t.pattern, t.sparsity * 100)};
}

void check_selection(const Rows& rows, const Selection& selection) {
  std::set<std::string> models, tasks, protocols;
  for (const auto& t : rows.trials) models.insert({t.model, given_name(t.model)});
  if (!selection.tasks.empty()) {
    for (const auto& m : rows.metrics)
      tasks.insert({m.metric.task, given_name(m.metric.task), window_off(m.metric.task)});
  }
  check_names("model", selection.models, models);
  check_names("task", selection.tasks, tasks);
  for (const auto& m : rows.metrics) {
    if (!selection.protocols.empty()) protocols.insert(m.metric.protocol);
  }
  check_names("protocol", selection.protocols, protocols);
}

bool selected(const Selection& selection, const std::string& model, const MetricRow& metric) {
  return wanted_model(selection, model) && wanted_task(selection, metric.task) &&
         wanted(selection.protocols, metric.protocol);
}

Rows read_rows(const Store& store) {
  return read_rows(std::vector<const Store*>{&store});
}

namespace {

/// The trials of one more ledger; those that are there already are left out.
void join(Rows& all, Rows more, std::map<std::string, const Store*>& home, const Store* store) {
  std::set<std::string> known;
  for (const auto& t : all.trials) known.insert(t.id);
  std::map<std::string, std::map<std::string, double>> values;
  const auto key_of = [](const MetricRow& m) { return m.task + "|" + m.protocol + "|" + m.name; };
  for (const auto& m : all.metrics)
    if (!m.metric.items_hash.empty()) values[m.trial][key_of(m.metric)] = m.metric.value;
  std::set<std::string> again;
  for (const auto& m : more.metrics) {
    const auto& before = values[m.trial];
    const auto it = before.find(key_of(m.metric));
    if (it != before.end() && it->second != m.metric.value && again.insert(m.trial).second)
      all.broken.push_back(
          {m.trial,
           {"reruns_disagree", false,
            fmt::format("{} {} is {} in one database and {} in another", m.metric.task,
                        m.metric.name, it->second, m.metric.value)}});
  }
  std::set<std::string> taken;
  for (auto& t : more.trials) {
    if (known.count(t.id) > 0) continue;  // the first that was named keeps it
    taken.insert(t.id);
    home[t.id] = store;
    all.trials.push_back(std::move(t));
  }
  const auto append = [&](auto& to, auto& from) {
    for (auto& row : from)
      if (taken.count(row.trial) > 0) to.push_back(std::move(row));
  };
  append(all.metrics, more.metrics);
  append(all.broken, more.broken);
  append(all.sparsity, more.sparsity);
}

}  // namespace

namespace {

/// The stored names of models that were asked for; none where one is not there.
Store::Models stored_names(const std::vector<const Store*>& stores,
                           const std::vector<std::string>& asked) {
  std::set<std::string> known;
  for (const auto* store : stores)
    for (const auto& name : store->models()) known.insert(name);
  Store::Models out;
  for (const auto& name : asked) {
    const auto stored = known.count(name) > 0 ? name : given_name(name);
    if (known.count(stored) == 0) return {};
    out.push_back(stored);
  }
  return out;
}

}  // namespace

Rows read_rows(const std::vector<const Store*>& stores, const std::vector<std::string>& models) {
  const auto names = stored_names(stores, models);
  Rows all;
  std::map<std::string, const Store*> home;
  for (const auto* store : stores) {
    // Trials last: a metric read here then has its trial.
    Rows rows;
    rows.metrics = store->metrics(names);
    rows.broken = store->broken_verdicts(names);
    rows.sparsity = store->model_sparsity(names);
    rows.trials = store->trials(names);
    join(all, std::move(rows), home, store);
  }
  all.outcome = [home](const std::string& trial) {
    return home.at(trial)->outcome_without_items(trial);
  };
  all.items = [home = std::move(home)](const std::string& trial, const MetricRow& metric) {
    const auto it = home.find(trial);
    return it == home.end() ? std::vector<float>{} : it->second->items(trial, metric);
  };
  distinguish(all);
  return all;
}

Report pivot(const Rows& rows, const Selection& selection) {
  check_selection(rows, selection);
  return Pivot(rows, selection).run();
}

}  // namespace bench
