#include "reports/lm_eval_export.h"

#include <fmt/chrono.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/digest.h"
#include "base/error.h"
#include "base/near.h"
#include "reports/cell.h"
#include "reports/distinguish.h"
#include "reports/item_scale.h"

namespace bench {
namespace {

using Json = nlohmann::ordered_json;

std::string dumped(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

/// Runs of characters that folders cannot hold become "__", as lm-eval has it
/// (lm_eval/utils.py, sanitize_model_name). A name that says nothing to a file system, or is too
/// long for it, ends in a digest.
std::string folder_named(const std::string& name) {
  const std::string unfit = "\"<>:/|\\?*[]";
  std::string out;
  bool inside = false;
  for (const char c : name) {
    const bool bad = unfit.find(c) != unfit.npos || static_cast<unsigned char>(c) < 0x20;
    if (!bad) out += c;
    if (bad && !inside) out += "__";
    inside = bad;
  }
  if (out.size() > 200 || out.find_first_not_of('.') == out.npos)
    out = out.substr(0, 180) + "__" + sha256_hex(name).substr(0, 16);
  return out;
}

/// A task in the name of its samples; its end is that of the date, so no other character matters.
std::string file_part(std::string task) {
  for (char& c : task)
    if (c == '/' || static_cast<unsigned char>(c) < 0x20) c = '_';
  return task.substr(0, 150);
}

/// "2026-11-30T15-52-47.123456": lm-eval's, in UTC.
std::string date_of(int64_t microseconds) {
  return fmt::format("{:%Y-%m-%dT%H-%M-%S}.{:06d}",
                     fmt::gmtime(static_cast<std::time_t>(microseconds / 1'000'000)),
                     microseconds % 1'000'000);
}

/// "exact_match,strict-match" -> metric and filter; a metric alone has the filter "none".
std::pair<std::string, std::string> parts_of(const std::string& metric) {
  const auto comma = metric.find(',');
  if (comma == metric.npos) return {metric, "none"};
  return {metric.substr(0, comma), metric.substr(comma + 1)};
}

/// The key of an item's score: the metric itself where lm-eval has the same there, which is where
/// the metric is the mean of its items, or exp(-mean) of log-likelihoods.
std::string score_name(const MetricRow& m) {
  const auto name = parts_of(m.name).first;
  const bool perplexity = m.unit == "perplexity";
  if (!perplexity && is_mean_of(m, m.items)) return name;
  if (perplexity) {
    auto negative = m.items;
    for (float& x : negative) x = -x;
    if (is_mean_of(m, negative)) return name;
  }
  return name + "_item";
}

/// The numbers of one task by one protocol.
struct TaskRows {
  std::string key;  // its name in the file
  std::vector<const MetricRow*> metrics;
  std::vector<std::string> warnings;
  /// Are they of items? Sizes and speeds are not.
  bool asks_items() const {
    return std::any_of(metrics.begin(), metrics.end(),
                       [](const auto* m) { return !m->items_hash.empty(); });
  }
  bool all_documents() const {
    return std::none_of(metrics.begin(), metrics.end(),
                        [](const auto* m) { return m->name == "left_out"; });
  }
};

void known(const char* flag, const std::vector<std::string>& asked,
           const std::set<std::string>& there) {
  for (const auto& name : asked)
    if (there.count(name) == 0)
      fail("{}: the ledger has no '{}'{}", flag, name,
           suggestion(name, {there.begin(), there.end()}));
}

class Export {
 public:
  Export(const Rows& rows, const Selection& selection, const ExportFilter& filter,
         const WriteFile& write)
      : rows_(rows), selection_(selection), filter_(filter), write_(write), facts_(facts_of(rows)) {
    for (const auto& m : rows.metrics) metrics_[m.trial].push_back(&m.metric);
  }

  Exported run() {
    for (const auto& t : rows_.trials)
      if (t.state == "done" && wanted(t)) add(t);
    for (const auto& [text, count] : left_out_)
      done_.notes.push_back(fmt::format("{} {}", count, text));
    return std::move(done_);
  }

 private:
  static bool among(const std::vector<std::string>& names, const std::string& name) {
    return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
  }

  bool wanted(const Trial& t) const {
    return (filter_.methods.empty() || among(filter_.methods, t.method) ||
            among(filter_.methods, given_name(t.method))) &&
           among(filter_.patterns, t.pattern) &&
           (filter_.sparsities.empty() ||
            std::any_of(filter_.sparsities.begin(), filter_.sparsities.end(),
                        [&](double s) { return std::abs(s - t.sparsity) < 1e-9; }));
  }

  void add(const Trial& t) {
    auto tasks = tasks_of(t);
    if (tasks.empty()) return;
    if (t.kind == "foreign") {
      ++left_out_["foreign, left out: measured by another program"];
      return;
    }
    auto name = t.model;
    if (t.method != "dense")
      name += fmt::format("/{}/{}", t.method,
                          t.pattern.find(':') != t.pattern.npos
                              ? t.pattern
                              : fmt::format("{}-{:.4g}%", t.pattern, 100 * t.sparsity));
    const auto folder = folder_named(name);
    auto time = static_cast<int64_t>(std::llround(t.finished * 1e6));
    while (!taken_.emplace(folder, time).second) ++time;
    const auto date = date_of(time);
    for (auto& task : tasks) samples(t, task, folder, date);
    write_(fmt::format("{}/results_{}.json", folder, date),
           dumped(results(t, tasks, name, folder), 2) + "\n");
    ++done_.files;
    ++done_.trials;
  }

  /// What of a trial is exported; a task that it measured by several protocols says which.
  std::vector<TaskRows> tasks_of(const Trial& t) {
    std::map<std::pair<std::string, std::string>, TaskRows> by_task;
    std::map<std::string, int> protocols;
    for (const auto* m : metrics_[t.id]) {
      if (!selected(selection_, t.model, *m)) continue;
      auto& task = by_task[{m->task, m->protocol}];
      task.metrics.push_back(m);
    }
    std::vector<TaskRows> all;
    for (auto& [key, task] : by_task) {
      if (!task.asks_items() && t.kind != "foreign") continue;
      Cell seen;
      for (const auto* m : task.metrics) judge(seen, facts_, *m, t.id);
      if (!seen.invalid.empty()) {
        ++left_out_
            ["marked INVALID, left out: a task of one trial each ('bench report --full' "
             "says why)"];
        continue;
      }
      task.warnings = seen.warnings;
      ++protocols[key.first];
      all.push_back(std::move(task));
    }
    for (auto& task : all) {
      const auto& first = *task.metrics.front();
      task.key = protocols[first.task] > 1 ? first.task + " by " + first.protocol : first.task;
    }
    return all;
  }

  /// A line an item and filter.
  void samples(const Trial& t, const TaskRows& task, const std::string& folder,
               const std::string& date) {
    std::map<std::string, std::vector<MetricRow>> by_filter;
    for (const auto* m : task.metrics) {
      auto row = *m;
      row.items = rows_.items(t.id, row);
      if (!row.items.empty()) by_filter[parts_of(m->name).second].push_back(std::move(row));
    }
    std::string text;
    for (const auto& [filter, metrics] : by_filter) {
      size_t count = 0;
      for (const auto& m : metrics) count = std::max(count, m.items.size());
      Json names = Json::array();
      for (const auto& m : metrics) names.push_back(score_name(m));
      for (size_t i = 0; i < count; ++i) {
        // Where documents were left out, the place of an item is not the document's.
        Json line = {
            {task.all_documents() ? "doc_id" : "item", i}, {"filter", filter}, {"metrics", names}};
        for (size_t m = 0; m < metrics.size(); ++m)
          if (i < metrics[m].items.size())
            line[names[m].get<std::string>()] = static_cast<double>(metrics[m].items[i]);
        text += dumped(line, -1) + "\n";
      }
    }
    if (text.empty()) return;
    write_(fmt::format("{}/samples_{}_{}.jsonl", folder, file_part(task.key), date), text);
    ++done_.files;
  }

  Json results(const Trial& t, const std::vector<TaskRows>& tasks, const std::string& name,
               const std::string& folder) const {
    Json file = {{"results", Json::object()},  {"group_subtasks", Json::object()},
                 {"configs", Json::object()},  {"versions", Json::object()},
                 {"n-shot", Json::object()},   {"higher_is_better", Json::object()},
                 {"n-samples", Json::object()}};
    Json own = {{"trial", t.id},
                {"revision", t.revision},
                {"model", t.model},
                {"weights", t.weights},
                {"method", t.method},
                {"pattern", t.pattern},
                {"sparsity", t.sparsity},
                {"kind", t.kind},
                {"seeds", parsed(t.seeds)},
                {"tasks", Json::object()},
                {"config", parsed(t.config)}};
    for (const auto& task : tasks) add_task(file, own["tasks"], task);
    file["config"] = {{"model", "prunebench"},
                      {"model_args",
                       {{"pretrained", t.model},
                        {"method", t.method},
                        {"pattern", t.pattern},
                        {"sparsity", t.sparsity}}},
                      {"prunebench", std::move(own)}};
    file["date"] = t.started;
    file["model_source"] = "prunebench";
    file["model_name"] = name;
    file["model_name_sanitized"] = folder;
    double seconds = 0;
    for (const auto& p : rows_.outcome(t.id).phases)
      if (p.phase == "evaluate") seconds += p.seconds;
    if (seconds > 0) file["total_evaluation_time_seconds"] = fmt::format("{}", seconds);
    return file;
  }

  static Json parsed(const std::string& text) {
    auto json = Json::parse(text, nullptr, false);
    return json.is_discarded() ? Json() : json;
  }

  static void add_task(Json& file, Json& own, const TaskRows& task) {
    const auto& key = task.key;
    const auto& first = *task.metrics.front();
    int64_t n = 0;
    Json numbers = {{"name", key}, {"alias", key}, {"sample_len", 0}};
    Json list = Json::array(), directions = Json::object();
    Json units = Json::object();
    std::string items;
    for (const auto* m : task.metrics) {
      const auto [metric, filter] = parts_of(m->name);
      n = std::max(n, m->items_hash.empty() ? 0 : m->n);
      if (!m->items_hash.empty()) items = m->items_hash;
      numbers[metric + "," + filter] = m->value;
      numbers[metric + "_stderr," + filter] =
          std::isnan(m->stderr_) ? Json("N/A") : Json(m->stderr_);
      if (!m->unit.empty()) units[m->name] = m->unit;
      if (directions.contains(metric)) continue;
      directions[metric] = m->directed ? Json(m->higher_is_better) : Json();
      list.push_back({{"metric", metric}, {"higher_is_better", directions[metric]}});
    }
    numbers["sample_len"] = n;
    file["results"][key] = std::move(numbers);
    file["configs"][key] = {{"task", key}, {"metric_list", std::move(list)}};
    file["higher_is_better"][key] = std::move(directions);
    file["n-samples"][key] = {{"effective", n}};
    own[key] = {{"task", given_name(first.task)},
                {"protocol", first.protocol},
                {"items_hash", items},
                {"units", std::move(units)}};
    if (!task.warnings.empty()) own[key]["warnings"] = task.warnings;
  }

  const Rows& rows_;
  const Selection& selection_;
  const ExportFilter& filter_;
  const WriteFile& write_;
  TrialFacts facts_;
  std::map<std::string, std::vector<const MetricRow*>> metrics_;
  std::set<std::pair<std::string, int64_t>> taken_;  // folder and microseconds
  std::map<std::string, int64_t> left_out_;
  Exported done_;
};

}  // namespace

void check_export(const Rows& rows, const Selection& selection, const ExportFilter& filter) {
  check_selection(rows, selection);
  std::set<std::string> methods, patterns;
  for (const auto& t : rows.trials) {
    methods.insert({t.method, given_name(t.method)});
    patterns.insert(t.pattern);
  }
  known("--method", filter.methods, methods);
  known("--pattern", filter.patterns, patterns);
}

Exported export_lm_eval(const Rows& rows, const Selection& selection, const ExportFilter& filter,
                        const WriteFile& write) {
  return Export(rows, selection, filter, write).run();
}

}  // namespace bench
