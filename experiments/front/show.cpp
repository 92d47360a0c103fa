// show: one trial, as text or JSON.
#include <cmath>
#include <ctime>
#include <map>
#include <nlohmann/json.hpp>

#include "front/verbs.h"
#include "reports/escape.h"
#include "reports/inherit.h"
#include "reports/provenance.h"
#include "reports/render.h"
#include "results/verdict.h"

namespace bench::front {

namespace {

using Json = nlohmann::ordered_json;

std::string heading(const std::string& text) {
  return colours() ? "\n\x1b[1m" + text + "\x1b[0m\n" : "\n" + text + "\n";
}

std::string time_text(double seconds) {
  if (seconds == 0) return "-";
  const auto whole = static_cast<std::time_t>(seconds);
  std::tm parts{};
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", gmtime_r(&whole, &parts));
  return text;
}

/// A configuration as indented "key: value" lines.
void add_tree(std::string& out, const Json& node, size_t depth) {
  for (const auto& [key, value] : node.items()) {
    out += std::string(2 * depth, ' ') + (node.is_array() ? "-" : printable(key) + ":");
    if (value.is_object() && !value.empty()) {
      out += "\n";
      add_tree(out, value, depth + 1);
    } else {
      const auto text = value.is_string()
                            ? value.get<std::string>()
                            : value.dump(-1, ' ', false, Json::error_handler_t::replace);
      out += " " + printable(text) + "\n";
    }
  }
}

std::string memory(int64_t bytes) {
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

std::string share(int64_t part, int64_t total) {
  if (total == 0) return "-";
  return fmt::format("{:.4f}%", 100 * static_cast<double>(part) / static_cast<double>(total));
}

std::string head(const Trial& t) {
  std::string out = fmt::format(
      "trial {} (number {})\n{} · {} · {} {:.4g}%\nstate: {} after {} attempt{}, worker {}\n"
      "submitted {}, started {}, finished {}\n",
      printable(t.id), t.number, printable(t.model), printable(t.method), printable(t.pattern),
      t.sparsity * 100, t.state, t.attempts, t.attempts == 1 ? "" : "s",
      t.worker.empty() ? "-" : printable(t.worker), time_text(t.submitted), time_text(t.started),
      time_text(t.finished));
  if (!t.error.empty()) out += "error: " + printable(t.error) + "\n";
  if (!t.past.empty()) out += "stands in no table: " + printable(t.past) + "\n";
  if (!t.remark.empty()) out += "remark: " + printable(t.remark) + "\n";
  return out;
}

/// What the numbers came from; of an older ledger's rows that is not known.
std::string code(const Trial& t) {
  if (t.state != "done") return "";
  std::string out = heading("code");
  out += "  revision " + (t.revision.empty() ? "not known" : printable(t.revision)) + "\n";
  const Json plugins = Json::parse(t.code, nullptr, false);
  if (!plugins.is_object()) return out + "  source of its plugins not known\n";
  for (const auto& [plugin, digest] : plugins.items())
    out += fmt::format("  {:<32}  {}\n", printable(plugin), digest.get<std::string>());
  return out;
}

std::string past_of(const Store& store, const Trial& t) {
  std::string out;
  for (const auto& old : store.history(t.id))
    out += fmt::format("  {}  measured {}: {}\n", old.id, time_text(old.finished),
                       printable(old.past));
  return out.empty() ? out : heading("history") + out;
}

std::string measured(const Outcome& o) {
  std::string out;
  if (!o.metrics.empty()) out += heading("metrics");
  for (const auto& m : o.metrics) {
    const auto error =
        std::isnan(m.stderr_) ? std::string() : " ± " + uncertainty(m.stderr_, m.value);
    out += fmt::format("  {:<24}  {:<24}  {:<10}  {}{}  n={} {}\n", printable(m.task),
                       printable(m.protocol), printable(m.name), number(m.value), error, m.n,
                       printable(m.unit));
  }
  if (!o.failed_tasks.empty()) out += heading("failed tasks");
  for (const auto& f : o.failed_tasks)
    out += fmt::format("  {:<24}  {}\n", printable(f.task), printable(f.why));
  if (!o.sparsity.empty()) out += heading("sparsity (zeros of all; masked)");
  for (const auto& s : o.sparsity) {
    out += fmt::format("  {:<8}  {:<7}  {:<44}  {}  of {}; {}\n", printable(s.stage),
                       printable(s.scope), printable(s.name), share(s.zeros, s.total), s.total,
                       share(s.masked, s.total));
  }
  if (!o.phases.empty()) out += heading("phases");
  for (const auto& p : o.phases) {
    out += fmt::format("  {:<10}  {:>9.3f} s  peak RSS {}", printable(p.phase), p.seconds,
                       memory(p.peak_rss));
    if (p.peak_reserved > 0) {
      out += fmt::format(", GPU {} allocated, {} reserved", memory(p.peak_allocated),
                         memory(p.peak_reserved));
    }
    out += "  (" + printable(p.method) + ")\n";
  }
  if (!o.verdicts.empty()) out += heading("verdicts");
  for (const auto& v : o.verdicts) {
    const char* mark = v.ok ? "ok" : only_warns(v) ? "LEAK" : "INVALID";
    out += fmt::format("  {:<7}  {:<16}  {}\n", mark, printable(v.rule), printable(v.detail));
  }
  return out;
}

std::string pairs(const char* title, const std::vector<std::pair<std::string, std::string>>& list) {
  if (list.empty()) return "";
  std::string out = heading(title);
  for (const auto& [name, value] : list) {
    out += fmt::format("  {:<16}  {}\n", printable(name), printable(value));
  }
  return out;
}

/// A file that runs to the same id: JSON is YAML; what is a default stands there as well.
std::string config_file(const Trial& t) {
  const Json config = Json::parse(t.config, nullptr, false);
  if (t.kind == "foreign")
    fail("trial {} was measured by another program; no configuration of this one runs to it", t.id);
  if (!config.is_object()) fail("trial {} holds no configuration", t.id);
  std::string out = fmt::format("# bench run THIS_FILE: trial {}\n", printable(t.id));
  for (const auto& [key, value] : config.items())
    out += key + ": " + value.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  return out;
}

int show_request(Options options) {
  if (options.arguments.size() != 3)
    throw Usage(
        "show request: a task and the number of an item are needed, as in: bench show "
        "request arc_easy 0 --model stories260k");
  if (options.has("--db")) throw Usage("show request: --db belongs to 'bench show TRIAL'");
  options.verb = "request";
  options.arguments.erase(options.arguments.begin());
  return ask(options);
}

/// A row a tensor would hide the others: `bench diff` and --json tell them.
std::vector<std::pair<std::string, std::string>> whole_hashes(const Outcome& o) {
  std::vector<std::pair<std::string, std::string>> out;
  std::map<std::string, int> parts;
  for (const auto& hash : o.hashes)
    if (const auto slash = hash.first.find('/'); slash == std::string::npos)
      out.push_back(hash);
    else
      ++parts[hash.first.substr(0, slash + 1) + "..."];
  for (const auto& [level, count] : parts)
    out.emplace_back(level, fmt::format("{} of parts, see --json", count));
  return out;
}

}  // namespace

int show(const Options& options) {
  if (options.arguments[0] == "request") return show_request(options);
  if (options.arguments.size() > 1)
    throw Usage(
        fmt::format("show: '{}' is too much; see 'bench show --help'", options.arguments[1]));
  for (const auto& flag : request_flags())
    if (options.has(flag.name))
      throw Usage(fmt::format("show: {} belongs to 'bench show request TASK I'", flag.name));
  const std::string path = options.get("--db", "out/bench.db");
  const Store store(path, Store::Mode::ReadOnly);
  const auto trial = store.trial(options.arguments[0]);
  if (!trial) {
    throw Usage(fmt::format("show: {} has no trial '{}'; 'bench list' shows those that are there",
                            path, options.arguments[0]));
  }
  Outcome outcome = store.outcome_without_items(trial->id);
  for (auto& v : inherited(store, *trial)) outcome.verdicts.push_back(std::move(v));
  if (options.has("--config")) {
    print(config_file(*trial));
    return 0;
  }
  if (options.has("--json")) {
    const Json json = provenance(*trial, outcome, true);
    print(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
    return 0;
  }
  std::string out = head(*trial) + past_of(store, *trial) + measured(outcome) + code(*trial) +
                    pairs("hashes", whole_hashes(outcome)) + pairs("notes", outcome.notes) +
                    pairs("environment", outcome.environment) + heading("config");
  const Json config = Json::parse(trial->config, nullptr, false);
  if (config.is_structured())
    add_tree(out, config, 1);
  else
    out += "  " + printable(trial->config) + "\n";
  show_pages(out);
  return 0;
}

}  // namespace bench::front
