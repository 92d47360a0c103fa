#pragma once
#include <map>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/schema.h"
#include "fleet/runner.h"

namespace bench {

/// Where the trials of a run are run: `launcher.kind`. Each kind registers itself.
struct Launcher {
  std::string doc;  // one sentence
  Schema schema;    // its keys, besides those that every kind has
  /// Throws an Error for what the types do not say; null: they say it all.
  void (*check)(const Config& launcher) = nullptr;
  /// Runs the trials that are not done, or hands them over; at least one is given.
  RunResult (*run)(const std::vector<TrialPlan>& trials, const RunOptions& options,
                   WorkerSource& workers) = nullptr;
};

const std::map<std::string, Launcher>& launchers();
struct LauncherKind {
  LauncherKind(const std::string& kind, Launcher launcher);
};

/// The keys that every kind has.
Schema launcher_schema();
/// `launcher` with its defaults, checked by its kind.
Value complete_launcher(const Value& given, std::vector<std::string>& mistakes);
/// The launcher of a plan: one for all of its trials.
Config launcher_of(const std::vector<TrialPlan>& trials);

/// Runs a plan where its launcher says.
RunResult launch(const std::vector<TrialPlan>& trials, const RunOptions& options,
                 WorkerSource& workers);

}  // namespace bench
