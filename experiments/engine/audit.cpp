// audit: finished trials, drawn at random, are run again; what they measure now is held against
// what the ledger holds.
#include <fmt/chrono.h>

#include <algorithm>
#include <cstdio>
#include <iostream>

#include "base/printable.h"
#include "base/python_random.h"
#include "base/reason.h"
#include "engine/recorded_trial.h"
#include "engine/verbs.h"
#include "engine/words.h"
#include "reports/difference.h"
#include "trial/identity.h"
#include "trial/run_trial.h"

namespace bench::engine {
namespace {

/// Places of the trials to run again, in the order of the ledger.
std::vector<size_t> drawn(size_t trials, int64_t cells, int64_t seed) {
  const auto n = static_cast<int64_t>(trials);
  std::vector<size_t> out;
  for (const auto i : PythonRandom(static_cast<uint64_t>(seed)).sample(n, std::min(n, cells)))
    out.push_back(static_cast<size_t>(i));
  std::sort(out.begin(), out.end());
  return out;
}

/// The first thing that is not as it was; empty where all agrees. Times are no such thing: numbers
/// without a list of items (latency, sizes) are left to the hashes.
std::string first_of(const TrialDifference& d) {
  for (const auto& h : d.hashes)
    if (!h.a.empty() && !h.b.empty()) return fmt::format("hash {}: {}", h.name, both(h, 16));
  for (const auto& s : d.sparsity)
    if (!s.a.empty() && !s.b.empty()) return fmt::format("sparsity of {}: {}", s.name, both(s, 16));
  for (const auto& m : d.metrics) {
    if (m.items < 0 || (m.a == m.b && m.differing == 0)) continue;
    return fmt::format("{} {} was {} and is {}; {}", m.task, m.name, m.a, m.b, items_text(m));
  }
  return "";
}

std::string today() {
  return fmt::format("{:%Y-%m-%d}", fmt::gmtime(std::time(nullptr)));
}

struct Audited {
  bool ok = false;
  std::string detail;
};

/// Errors where it cannot be run here any more.
Audited audited(const Trial& trial, const Outcome& before, Workbench& bench) {
  const auto config = runnable(trial);
  const auto spec = spec_of(config);
  if (spec.id != trial.id)
    fail("{} is another one now than when it was measured",
         first_difference(trial.identity, spec.identity));
  const auto again = run_trial(config, bench, {});
  const auto code = trial.code.empty() || trial.code == spec.code ? "" : ", by other code";
  const auto found = first_of(difference(trial, before, trial, again));
  return {found.empty(),
          fmt::format("run again on {}{}: {}", today(), code,
                      found.empty() ? fmt::format("{} hashes and all scores are the same",
                                                  again.hashes.size())
                                    : found)};
}

}  // namespace

int audit(const Arguments& words_in) {
  const Words words(words_in);
  const auto path = words.get("--db", "out/bench.db");
  const auto cells = words.number("--cells", 10, 1), seed = words.number("--seed", 0, 0);
  Store store(path);
  auto trials = store.trials();
  std::erase_if(trials, [](const Trial& t) { return t.state != "done" || t.kind == "foreign"; });
  if (trials.empty()) fail("audit: {} has no finished trial yet; 'bench run' makes some", path);
  Workbench bench;
  int64_t agree = 0, disagree = 0, impossible = 0;
  for (const auto place : drawn(trials.size(), cells, seed)) {
    const auto& t = trials[place];
    std::string said = "cannot be run again";
    try {
      const auto result = audited(t, store.outcome(t.id), bench);
      store.audit(t.id, {"audit", result.ok, result.detail});
      ++(result.ok ? agree : disagree);
      said = (result.ok ? "agrees: " : "DISAGREES: ") + result.detail;
    } catch (const std::exception& e) {
      ++impossible;
      said += ": " + reason_of(e).text;
    }
    std::cout << fmt::format("{}  {} {} {} {:.4g}%  {}\n", printable(t.id), printable(t.model),
                             printable(t.method), printable(t.pattern), t.sparsity * 100,
                             printable(said))
              << std::flush;
  }
  std::cout << fmt::format(
      "{} of {} finished trials run again (seed {}): {} agree, {} disagree, {} "
      "cannot be run here; {}\n",
      agree + disagree, trials.size(), seed, agree, disagree, impossible, printable(path));
  return disagree + impossible > 0 ? 1 : 0;
}

}  // namespace bench::engine
