#include "reports/reproduce.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/error.h"
#include "base/split.h"
#include "reports/distinguish.h"
#include "reports/fill_command.h"
#include "reports/method_name.h"

namespace bench {

namespace {

/// A printed data set: its parts where it is a mean over tasks, and the window where it has one.
struct Target {
  std::vector<std::string> tasks;  // our names
  int64_t window = 0;              // 0: has none
  std::string unknown;             // why it can be no number of ours
};

Target target_of(const PublishedRow& row, const Published& published) {
  Target t;
  const auto metric = published.names.find({"metric", row.metric});
  if (metric == published.names.end()) {
    t.unknown = fmt::format("{} is not measured here", row.metric);
    return t;
  }
  const size_t open = row.dataset.find('('), at = row.dataset.find('@');
  if (row.dataset.find("not printed") != std::string::npos) {
    t.unknown = "its window is not printed, and perplexities of other windows cannot be compared";
  } else if (row.metric == "mean_acc" && open != std::string::npos && row.dataset.back() == ')') {
    for (const auto& part : split_list(row.dataset.substr(open + 1, row.dataset.size() - open - 2)))
      t.tasks.push_back(published.ours("dataset", part));
  } else if (row.metric == "mean_acc") {
    t.unknown = fmt::format("'{}' does not say which tasks it is the mean of", row.dataset);
  } else {
    t.tasks.push_back(published.ours("dataset", row.dataset.substr(0, at)));
    if (at != std::string::npos) t.window = std::atoll(row.dataset.c_str() + at + 1);
  }
  return t;
}

class Join {
 public:
  Join(const Published& published, const Rows& rows, const JoinOptions& options)
      : published_(published), rows_(rows), options_(options), report_(pivot(rows, {})) {
    for (const auto& s : rows.sparsity) {
      if (s.sparsity.stage == "prune" && s.sparsity.name == "parameters" && s.sparsity.total > 0)
        parameters_[s.trial] =
            static_cast<double>(s.sparsity.masked) / static_cast<double>(s.sparsity.total);
    }
  }

  Reproduced run(const PublishedRow& row) const {
    Reproduced r;
    r.row = &row;
    r.tolerance = published_.tolerance_of(row);
    const auto target = target_of(row, published_);
    r.reason = target.unknown;
    if (r.reason.empty()) fill(r, row, target);
    if (r.reason.empty()) return r;
    r.verdict = "missing";
    r.ours = r.delta = r.error = kNone;
    r.trials.clear();
    if (!target.unknown.empty()) return r;
    std::string nothing_can;
    r.fill = fill_overrides(row, target.tasks, target.window, published_, options_, nothing_can);
    if (r.fill.empty()) r.reason = nothing_can;
    return r;
  }

 private:
  /// The mean over the target's tasks; a reason where one of them is not there.
  void fill(Reproduced& r, const PublishedRow& row, const Target& target) const {
    double sum = 0, squares = 0;
    bool invalid = false, leak = false;
    for (const auto& name : target.tasks) {
      const auto task = target.window > 0 ? fmt::format("{}@{}", name, target.window) : name;
      const Cell* cell = find(r, row, task);
      if (!cell) return;
      const double scale = row.metric == "ppl" ? 1 : 100;
      sum += scale * cell->value;
      squares += std::pow(scale * cell->error, 2);
      invalid = invalid || !cell->invalid.empty();
      leak = leak || !cell->warnings.empty();
      r.trials.insert(r.trials.end(), cell->trials.begin(), cell->trials.end());
    }
    const auto n = static_cast<double>(target.tasks.size());
    r.ours = sum / n;
    r.error = std::sqrt(squares) / n;
    r.delta = r.ours - row.number;
    r.verdict = invalid                            ? "INVALID"
                : leak                             ? "LEAK"
                : std::abs(r.delta) <= r.tolerance ? "same"
                                                   : "differs";
  }

  bool is_model(const std::string& printed, const std::string& here) const {
    const auto given = options_.models.find(printed);
    if (given != options_.models.end()) return here == given->second;
    return name_key(here) == name_key(printed) ||
           name_key(here) == name_key(published_.ours("model", printed));
  }

  /// Tables of that model, task with window, and metric.
  std::vector<const Table*> tables_of(const PublishedRow& row, const std::string& task) const {
    std::vector<const Table*> found;
    for (const auto& t : report_.tables) {
      const bool protocol = options_.protocols.empty() || options_.protocols.count(t.protocol) > 0;
      if (protocol && !t.foreign && t.task == task &&
          t.metric == published_.ours("metric", row.metric) && is_model(row.model, t.model))
        found.push_back(&t);
    }
    return found;
  }

  /// Numbers of the same text at other windows: said, never taken.
  std::string other_windows(const PublishedRow& row, const std::string& task) const {
    std::string all;
    const auto base = task.substr(0, task.find('@'));
    for (const auto& t : report_.tables) {
      if (t.task.substr(0, t.task.find('@')) == base && t.task != task &&
          is_model(row.model, t.model) && all.find(t.task) == std::string::npos)
        all += (all.empty() ? "" : ", ") + t.task;
    }
    return all.empty() ? "" : fmt::format("; {} is another number", all);
  }

  const Cell* find(Reproduced& r, const PublishedRow& row, const std::string& task) const {
    auto tables = tables_of(row, task);
    if (tables.empty()) {
      r.reason = fmt::format("no number of {} on {}{}", row.model, task, other_windows(row, task));
      return nullptr;
    }
    const auto own = published_.names.find({"protocol", row.paper});
    if (own != published_.names.end()) {
      for (const auto* t : tables) {
        const auto& names = own->second;
        if (std::find(names.begin(), names.end(), t->protocol) == names.end()) continue;
        tables = {t};
        break;
      }
    }
    if (tables.size() > 1) {
      r.reason = fmt::format(
          "{} is measured by several protocols ({}, {}); choose one with "
          "--protocol",
          task, tables[0]->protocol, tables[1]->protocol);
      return nullptr;
    }
    const bool known =
        ("," + r.protocol + ",").find("," + tables[0]->protocol + ",") != std::string::npos;
    if (!known) r.protocol += (r.protocol.empty() ? "" : ",") + tables[0]->protocol;
    std::string several;
    const Cell* cell = cell_of(*tables[0], row, several);
    if (cell && cell->kind == Cell::Kind::Value) return cell;
    r.reason = fmt::format("{}: {}", task,
                           !several.empty() ? several
                           : cell           ? cell->reason
                                            : "no trial");
    return nullptr;
  }

  /// Trials of a line share their setting: the first says what all have.
  const Trial* trial_of(const Line& line) const {
    for (const auto& cell : line.cells)
      if (!cell.trials.empty()) return &rows_.trials[cell.trials.front()];
    return nullptr;
  }

  std::string plain_name(const Line& line) const {
    const auto* trial = trial_of(line);
    return trial ? without_stages(line.method, stages_of(*trial)) : line.method;
  }

  /// Was it trained after the pruning as the printed number was, and by nothing else?
  bool is_recovered(const PublishedRow& row, const Line& line) const {
    const auto* trial = trial_of(line);
    const auto stages = trial ? recovery_of(*trial) : std::vector<std::string>{};
    if (row.recovery == "none" || line.dense) return stages.empty();
    const auto ours = published_.names.find({"recovery", row.recovery});
    if (ours == published_.names.end() || stages.empty()) return false;
    return std::all_of(stages.begin(), stages.end(), [&](const auto& name) {
      return std::find(ours->second.begin(), ours->second.end(), name) != ours->second.end();
    });
  }

  /// Several settings under one name: none of them is taken for the printed one.
  const Cell* cell_of(const Table& table, const PublishedRow& row, std::string& several) const {
    const auto method = name_key(published_.ours("method", row.method));
    const Cell* found = nullptr;
    for (const auto& line : table.lines) {
      if (line.cells.empty() || !is_recovered(row, line)) continue;
      const auto name = line.dense ? std::string("dense") : plain_name(line);
      const bool exact = name_key(name) == method;
      if (!exact && name_key(given_name(name)) != method) continue;
      const Cell* cell = line.dense ? &line.cells.front() : nullptr;
      for (size_t c = 0; !cell && c < table.columns.size(); ++c)
        if (is_column(row, table.columns[c], line.cells[c])) cell = &line.cells[c];
      if (exact) return cell;
      if (!cell || cell->kind != Cell::Kind::Value) continue;
      if (found)
        several = fmt::format("several settings of {}; name one with `method:`", row.method);
      found = cell;
    }
    return several.empty() ? found : nullptr;
  }

  bool is_column(const PublishedRow& row, const Column& column, const Cell& cell) const {
    char* end = nullptr;
    const double asked = std::strtod(row.sparsity.c_str(), &end);
    if (row.sparsity.empty() || *end != '\0') return false;
    if (row.pattern != "structured")
      return column.pattern == row.pattern && std::abs(column.sparsity - asked) < 1e-6;
    const bool weights =
        column.pattern == "unstructured" || column.pattern.find(':') != std::string::npos;
    if (weights || cell.trials.empty()) return false;
    const auto it = parameters_.find(rows_.trials[cell.trials.front()].id);
    return it != parameters_.end() && std::abs(it->second - asked) <= 0.01;
  }

  const Published& published_;
  const Rows& rows_;
  const JoinOptions& options_;
  const Report report_;
  std::map<std::string, double> parameters_;  // trial -> share of all parameters that is gone
};

}  // namespace

std::vector<Reproduced> reproduce(const std::vector<const PublishedRow*>& table,
                                  const Published& published, const Rows& rows,
                                  const JoinOptions& options) {
  const Join join(published, rows, options);
  std::vector<Reproduced> list;
  for (const auto* row : table) list.push_back(join.run(*row));
  return list;
}

}  // namespace bench
