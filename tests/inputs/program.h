#pragma once
// The user's commands on small inputs, and what they leave in the ledger.
#include <map>
#include <optional>

#include "front/program.h"
#include "results/store.h"

namespace bench::test {

inline std::string case_file(const std::string& name) {
  return (root() / "tests/inputs/cases" / name).string();
}

/// One trial of lm.yaml; overrides are added to it.
struct Measured {
  explicit Measured(const std::string& overrides) {
    const auto db = (dir.path / "x.db").string();
    const auto ran =
        run("run " + case_file("lm.yaml") + " --config-dir " + (root() / "configs").string() +
            " --no-report launcher.workers=1 --db " + db + " " + overrides);
    code = ran.code;
    said = ran.output;
    if (!std::filesystem::exists(db)) return;
    const Store store(db, Store::Mode::ReadOnly);
    for (const auto& t : store.trials()) {
      outcome = store.outcome(t.id);
      trial = t;
    }
  }
  /// NaN where there is none of that name.
  double metric(const std::string& name, const std::string& task = "") const {
    for (const auto& m : outcome.metrics)
      if (m.name == name && (task.empty() || m.task == task)) return m.value;
    return kNone;
  }
  TempDir dir;
  int code = -1;
  std::string said;
  Trial trial;
  Outcome outcome;
};

inline Measured measured_case(const std::string& yaml, const std::string& overrides = "") {
  return Measured("task.t.task=" + case_file(yaml) + " " + overrides);
}

inline Ran asked(const std::string& verb_and_words, const std::string& input) {
  TempDir dir;
  const auto file = dir.path / "in";
  std::ofstream(file) << input;
  return run(verb_and_words + " <" + file.string());
}

}  // namespace bench::test
