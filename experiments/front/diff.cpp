// diff: what the ledger holds of two trials, side by side where they differ.
#include <nlohmann/json.hpp>

#include "front/verbs.h"
#include "reports/difference.h"
#include "reports/escape.h"
#include "reports/render.h"

namespace bench::front {

namespace {

using Json = nlohmann::ordered_json;

struct Side {
  Trial trial;
  Outcome outcome;
};

Side side(const std::string& path, const std::string& id) {
  const Store store(path, Store::Mode::ReadOnly);
  const auto trial = store.trial(id);
  if (!trial) {
    throw Usage(fmt::format("diff: {} has no trial '{}'; 'bench list' shows those that are there",
                            path, id));
  }
  return {*trial, store.outcome(trial->id)};
}

std::string heading(const std::string& text) {
  return colours() ? "\n\x1b[1m" + text + "\x1b[0m\n" : "\n" + text + "\n";
}

std::string line(const std::string& name, const std::string& text) {
  return fmt::format("  {:<44}  {}\n", printable(name), text);
}

std::string rows(const char* title, const std::vector<Differing>& list) {
  std::string out;
  for (const auto& d : list) out += line(d.name, both(d));
  return list.empty() ? "" : heading(title) + out;
}

std::string metric_rows(const std::vector<MetricDifference>& list) {
  std::string out;
  for (const auto& m : list) {
    if (m.a == m.b && m.items >= 0 && m.differing == 0) continue;
    const auto value = [](double v) { return std::isnan(v) ? "none" : number(v); };
    auto text = value(m.a) + " | " + value(m.b);
    if (const auto items = items_text(m); !items.empty()) text += "  " + items;
    out += line(m.task + " " + m.protocol + " " + m.name, text);
  }
  return out.empty() ? "" : heading("metrics") + out;
}

/// Names with a slash come by the hundred, one a tensor: counted, and the first is shown.
std::string hash_rows(const std::vector<Differing>& list) {
  std::string out;
  for (size_t i = 0; i < list.size(); ++i) {
    const auto slash = list[i].name.find('/');
    if (slash == std::string::npos) {
      out += line(list[i].name, both(list[i]));
      continue;
    }
    const auto level = list[i].name.substr(0, slash + 1);
    size_t same = 1;
    while (i + same < list.size() && list[i + same].name.rfind(level, 0) == 0) ++same;
    out += line(level + "...", fmt::format("{} differ, by name the first is {}", same,
                                           printable(list[i].name.substr(slash + 1))));
    i += same - 1;
  }
  return out.empty() ? "" : heading("hashes") + out;
}

std::string sparsity_rows(const std::vector<Differing>& list) {
  std::vector<Differing> whole;
  for (const auto& d : list)
    if (d.name.find(" model ") != std::string::npos) whole.push_back(d);
  const auto text = rows("measured sparsity (zeros)", whole);
  const auto parts = list.size() - whole.size();
  return parts ? text + fmt::format("  and {} tensors and blocks\n", parts) : text;
}

std::string head(char letter, const Trial& t) {
  return fmt::format("{}  {}  {} · {} · {} {:.4g}%  {}\n", letter, printable(t.id),
                     printable(t.model), printable(t.method), printable(t.pattern),
                     t.sparsity * 100, printable(t.state));
}

Json json_of(const std::vector<Differing>& list) {
  Json out = Json::array();
  for (const auto& d : list) out.push_back({{"name", d.name}, {"a", d.a}, {"b", d.b}});
  return out;
}

Json json_of(const std::vector<MetricDifference>& list) {
  const auto finite = [](double v) { return std::isfinite(v) ? Json(v) : Json(); };
  Json out = Json::array();
  for (const auto& m : list) {
    Json row{{"task", m.task},   {"protocol", m.protocol}, {"name", m.name},
             {"a", finite(m.a)}, {"b", finite(m.b)},       {"comparable", m.items >= 0}};
    if (m.items > 0) {
      row.update(Json{{"items", m.items}, {"differing", m.differing}});
      if (m.hits) row.update(Json{{"gained", m.gained}, {"lost", m.differing - m.gained}});
      if (m.first >= 0) row.update(Json{{"first", m.first}, {"a_first", m.first_a}});
      if (m.first >= 0) row.update(Json{{"b_first", m.first_b}, {"largest", m.largest}});
    }
    out.push_back(std::move(row));
  }
  return out;
}

std::string as_json(const Side& a, const Side& b, const TrialDifference& d) {
  const Json json{{"a", a.trial.id},
                  {"b", b.trial.id},
                  {"settings", json_of(d.settings)},
                  {"inert", json_of(d.inert)},
                  {"files", json_of(d.files)},
                  {"environment", json_of(d.environment)},
                  {"metrics", json_of(d.metrics)},
                  {"sparsity", json_of(d.sparsity)},
                  {"hashes", json_of(d.hashes)}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

int diff(const Options& options) {
  const auto path = options.get("--db", "out/bench.db");
  const auto a = side(path, options.arguments[0]);
  const auto b = side(options.get("--db-b", path), options.arguments[1]);
  const auto d = difference(a.trial, a.outcome, b.trial, b.outcome);
  if (options.has("--json")) {
    print(as_json(a, b, d));
    return 0;
  }
  const auto found = rows("settings", d.settings) +
                     rows("settings that change no result", d.inert) +
                     rows("files of model and data", d.files) + rows("environment", d.environment) +
                     metric_rows(d.metrics) + sparsity_rows(d.sparsity) + hash_rows(d.hashes);
  print(head('A', a.trial) + head('B', b.trial) +
        (found.empty() ? "\nnothing differs in what the ledger holds\n" : found));
  return 0;
}

}  // namespace bench::front
