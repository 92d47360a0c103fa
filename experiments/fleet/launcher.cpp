#include "fleet/launcher.h"

#include <cstdio>

#include "base/error.h"
#include "base/printable.h"
#include "fleet/cards.h"
#include "slurm/submission.h"

namespace bench {
namespace {

std::map<std::string, Launcher>& registered() {
  static std::map<std::string, Launcher> all;
  return all;
}

std::vector<std::string> kinds() {
  std::vector<std::string> all;
  for (const auto& [kind, launcher] : registered()) all.push_back(kind);
  return all;
}

/// What a cluster has found comes first: it need not be run again.
RunResult run_here(const std::vector<TrialPlan>& trials, const RunOptions& options,
                   WorkerSource& workers) {
  for (const auto job : slurm::bring_in(options.db))
    std::fprintf(stderr,
                 "bench: job %lld works on trials of %s, too; what it has not brought back is run "
                 "here as well\n",
                 static_cast<long long>(job), printable(options.db).c_str());
  return run_trials(trials, options, workers);
}

const LauncherKind kLocal("local", {.doc = "Worker processes on this machine.", .run = run_here});

}  // namespace

const std::map<std::string, Launcher>& launchers() {
  return registered();
}

LauncherKind::LauncherKind(const std::string& kind, Launcher launcher) {
  require(registered().emplace(kind, std::move(launcher)).second, "one launcher a name");
}

Schema launcher_schema() {
  auto devices = key("devices", "auto",
                     "cards that workers are dealt to, as [0, 1], each worker sees one; auto: all, "
                     "where the first trial's device is cuda");
  devices.type = Key::Type::Any;
  return {
      key("kind", "local", "where trials are run").one_of(kinds()).without_identity(),
      key("workers", 0,
          "processes that work at the same time; 0: workers_per_device a card, without cards one "
          "per core")
          .range(0, 1024)
          .without_identity(),
      devices.without_identity(),
      key("workers_per_device", 1, "workers of a card").range(1, 64).without_identity(),
      key("fail", "keep_going", "after a failed trial: run the others, or stop")
          .one_of({"keep_going", "fast"})
          .without_identity(),
      key("time_limit", 0.0, "a longer trial fails; 0: none")
          .at_least(0)
          .in("seconds")
          .without_identity()};
}

Value complete_launcher(const Value& given, std::vector<std::string>& mistakes) {
  const auto before = mistakes.size();
  const Value* kind = given.find("kind");
  const auto it =
      kind && kind->is_string() ? registered().find(kind->string()) : registered().find("local");
  const bool known = it != registered().end();  // else its keys would all be unknown ones
  const auto schema = launcher_schema() + (known ? it->second.schema : Schema());
  auto launcher = schema.complete(given, "launcher", mistakes);
  if (known && mistakes.size() == before) try {
      check_devices(Config(launcher, "launcher"));
      if (it->second.check) it->second.check(Config(launcher, "launcher"));
    } catch (const Error& e) {
      mistakes.emplace_back(e.what());
    }
  return launcher;
}

Config launcher_of(const std::vector<TrialPlan>& trials) {
  if (!trials.empty()) return Config(*trials.front().config.find("launcher"), "launcher");
  std::vector<std::string> none;
  return Config(complete_launcher(Value(), none), "launcher");
}

RunResult launch(const std::vector<TrialPlan>& trials, const RunOptions& options,
                 WorkerSource& workers) {
  prepare_database(options.db);
  const auto kind = launcher_of(trials).get<std::string>("kind");
  return launchers().at(kind).run(trials, options, workers);
}

}  // namespace bench
