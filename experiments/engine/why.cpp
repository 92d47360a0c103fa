// why: the first divergence between two trials, by what the ledger holds and by computing both
// again.
#include "trial/why.h"

#include <algorithm>
#include <iostream>
#include <optional>

#include "engine/recorded_trial.h"
#include "engine/words.h"
#include "reports/difference.h"
#include "reports/escape.h"

namespace bench::engine {
namespace {

using Hashes = std::vector<std::pair<std::string, std::string>>;

using Side = RecordedTrial;

/// What the ledger says of one level.
struct Recorded {
  std::string level;
  std::optional<bool> same;  // nothing: it is not recorded for both
  std::string where;         // of what differs
};

Recorded by_hash(const std::string& level, const Side& a, const Side& b, const std::string& name) {
  Recorded r{level, {}, ""};
  const auto in_a = hash_of(a.outcome.hashes, name), in_b = hash_of(b.outcome.hashes, name);
  if (in_a.empty() || in_b.empty()) return r;
  r.same = in_a == in_b;
  if (!*r.same) r.where = fmt::format("hash {} | {}", in_a.substr(0, 12), in_b.substr(0, 12));
  return r;
}

/// Rows "LEVEL/NAME", in the order in which they arose in A.
Recorded by_rows(const std::string& level, const Side& a, const Side& b) {
  Recorded r{level, {}, ""};
  const std::map<std::string, std::string> in_b(b.outcome.hashes.begin(), b.outcome.hashes.end());
  int64_t differing = 0, all = 0;
  std::string first;
  for (const auto& [key, hash] : a.outcome.hashes) {
    if (key.rfind(level + "/", 0) != 0) continue;
    const auto it = in_b.find(key);
    if (it == in_b.end()) continue;
    ++all;
    if (it->second != hash && differing++ == 0) first = key.substr(level.size() + 1);
  }
  if (all == 0) return r;
  r.same = differing == 0;
  if (differing) r.where = fmt::format("{}; {} of {} differ", first, differing, all);
  return r;
}

Recorded recorded_tokens(const Side& a, const Side& b) {
  Recorded r{"tokens", {}, ""};
  for (const auto& m : a.outcome.metrics)
    for (const auto& n : b.outcome.metrics) {
      if (m.task != n.task || m.protocol != n.protocol || m.name != n.name) continue;
      if (m.items_hash.empty() || n.items_hash.empty()) continue;
      const bool same = m.items_hash == n.items_hash;
      if (!same && r.where.empty()) r.where = m.task + ", " + m.protocol;
      r.same = same && r.same.value_or(true);
    }
  return r;
}

Recorded recorded_scores(const TrialDifference& d) {
  Recorded r{"scores", {}, ""};
  for (const auto& m : d.metrics) {
    if (std::isnan(m.a) || std::isnan(m.b)) continue;
    const bool same = m.a == m.b && (m.items < 0 || m.differing == 0);
    if (!same && r.where.empty())
      r.where =
          fmt::format("{} {} {}: {} | {}; {}", m.task, m.protocol, m.name, m.a, m.b, items_text(m));
    r.same = same && r.same.value_or(true);
  }
  return r;
}

Recorded recorded_config(const TrialDifference& d) {
  Recorded r{"config", d.settings.empty() && d.files.empty(), ""};
  for (const auto* list : {&d.settings, &d.files})
    for (const auto& one : *list)
      r.where += fmt::format("{}{}: {}", r.where.empty() ? "" : "; ", one.name, both(one, 40));
  return r;
}

std::vector<Recorded> recorded(const Side& a, const Side& b, const TrialDifference& d) {
  return {recorded_config(d),          by_hash("model", a, b, "weights"),
          recorded_tokens(a, b),       by_hash("calibration", a, b, "data"),
          by_rows("statistics", a, b), by_rows("mask", a, b),
          by_rows("weights", a, b),    by_rows("logits", a, b),
          recorded_scores(d)};
}

/// The first recorded hash that computing again does not give.
std::string not_reproduced(const Side& side, const Hashes& now) {
  const std::map<std::string, std::string> again(now.begin(), now.end());
  const std::pair<const char*, const char*> whole[] = {{"weights", "model"},
                                                       {"data", "calibration"}};
  for (const auto& [name, level] : whole)
    if (const auto it = again.find(name); it != again.end() &&
                                          !hash_of(side.outcome.hashes, name).empty() &&
                                          it->second != hash_of(side.outcome.hashes, name))
      return level;
  const auto& levels = watched_levels();
  for (const auto& [key, hash] : side.outcome.hashes) {
    const auto level = key.substr(0, key.find('/'));  // files of data have names with '/', too
    if (level == key || std::find(levels.begin(), levels.end(), level) == levels.end()) continue;
    const auto it = again.find(key);
    if (it == again.end() || it->second != hash) return level + ": " + key.substr(level.size() + 1);
  }
  return "";
}

struct Again {
  Divergence found;
  std::string lost_a, lost_b;  // what is not reproduced
};

Again compute(const Side& a, const Side& b) {
  Workbench bench;
  const std::string otherwise = "--no-run compares what is recorded";
  const auto config_a = runnable(a.trial, otherwise), config_b = runnable(b.trial, otherwise);
  Hashes whole_a, whole_b;
  const auto run = [&](const Value& config, Hashes& whole) {
    return [&](const Watch& watch) { whole = watch_trial(config, bench, watch); };
  };
  Again again;
  again.found = find_divergence(run(config_a, whole_a), run(config_b, whole_b));
  for (auto& [whole, rows] : {std::pair(&whole_a, &again.found.a), {&whole_b, &again.found.b}})
    whole->insert(whole->end(), rows->begin(), rows->end());
  again.lost_a = not_reproduced(a, whole_a);
  again.lost_b = not_reproduced(b, whole_b);
  return again;
}

std::string recorded_text(const Recorded& r) {
  return !r.same ? "not recorded" : *r.same ? "same" : "differs";
}

void print_table(const std::vector<Recorded>& ledger, const Divergence* found) {
  std::cout << fmt::format("\n{:<12}  {:<13}{}\n", "level", "in the ledger",
                           found ? "  computed again" : "");
  for (const auto& r : ledger) {
    std::string again, where = r.where;
    if (found)
      for (const auto& l : found->levels)
        if (l.level == r.level) {
          again = l.differing ? fmt::format("{} of {} differ", l.differing, l.entries)
                              : fmt::format("same ({})", l.entries);
          if (l.differing) where = l.name + ": " + l.place;
        }
    std::cout << fmt::format("{:<12}  {:<13}", r.level, recorded_text(r));
    if (found) std::cout << fmt::format("  {:<20}", again);
    std::cout << "  " << printable(where) << "\n";
  }
}

void print_answer(const std::vector<Recorded>& ledger, const Again* again) {
  const auto differs = [](const Recorded& r) { return r.same && !*r.same; };
  const auto first = std::find_if(ledger.begin(), ledger.end(), differs);
  const LevelDivergence* computed =
      again && again->found.first >= 0
          ? &again->found.levels[static_cast<size_t>(again->found.first)]
          : nullptr;
  const bool config = first != ledger.end() && first->level == "config";
  std::cout << "\n";
  if (config) std::cout << "first divergence: config: " << printable(first->where) << "\n";
  if (computed)
    std::cout << (config ? "of what is computed: " : "first divergence: ")
              << printable(computed->level + ": " + computed->name + ": " + computed->place)
              << "\n";
  const auto next = config ? std::find_if(first + 1, ledger.end(), differs) : first;
  if (!computed && next != ledger.end())
    std::cout << (config ? "of what is recorded: " : "first divergence: ")
              << printable(next->level + ": " + next->where) << "\n";
  if (!computed && first == ledger.end()) std::cout << "nothing differs\n";
  if (!again) return;
  for (const auto& [name, lost] : {std::pair("A", again->lost_a), {"B", again->lost_b}})
    if (!lost.empty())
      std::cout << fmt::format("{} as it was recorded is not what this machine computes: {}\n",
                               name, printable(lost));
}

}  // namespace

int why(const Arguments& words_in) {
  const Words words(words_in);
  const auto path = words.get("--db", "out/bench.db");
  const auto a = recorded_trial("why", path, words.arguments().at(0));
  const auto b = recorded_trial("why", words.get("--db-b", path), words.arguments().at(1));
  const auto d = difference(a.trial, a.outcome, b.trial, b.outcome);
  const auto ledger = recorded(a, b, d);
  for (const auto& [name, side] : {std::pair('A', &a), {'B', &b}})
    std::cout << fmt::format("{}  {}  {} · {} · {} {:.4g}%\n", name, printable(side->trial.id),
                             printable(side->trial.model), printable(side->trial.method),
                             printable(side->trial.pattern), side->trial.sparsity * 100);
  for (const auto& e : d.environment)
    std::cout << fmt::format("environment: {}: {}\n", printable(e.name), both(e));
  // "not recorded" is no difference by itself: a dense trial has no mask.
  const bool any = std::any_of(ledger.begin(), ledger.end(),
                               [](const Recorded& r) { return r.same && !*r.same; });
  const bool done = a.trial.state == "done" && b.trial.state == "done";
  std::optional<Again> again;
  if (!words.has("--no-run") && (any || !done || words.has("--run"))) again = compute(a, b);
  print_table(ledger, again ? &again->found : nullptr);
  print_answer(ledger, again ? &*again : nullptr);
  return 0;
}

}  // namespace bench::engine
