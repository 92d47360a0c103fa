// The verbs run, plan and worker.
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/ranges.h>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <map>
#include <thread>

#include "base/error.h"
#include "base/printable.h"
#include "data/data.h"
#include "engine/verbs.h"
#include "fleet/cards.h"
#include "fleet/element.h"
#include "fleet/launcher.h"
#include "results/forecast.h"
#include "trial/trial_record.h"

namespace bench::engine {
namespace {

struct Request {
  ComposeRequest compose;
  RunOptions options;
  bool report = true;
};

Request read(const Arguments& a) {
  Request r;
  for (size_t i = 1; i < a.size(); ++i) {
    const auto& word = a[i];
    if (word == "-m" || word == "--multirun")
      r.compose.multirun = true;
    else if (word == "--db" && i + 1 < a.size())
      r.options.db = a[++i];
    else if (word == "--retry-failed")
      r.options.retry_failed = true;
    else if (word == "--keep")
      r.options.renew = Store::Renew::Nothing;
    else if (word == "--again")
      r.options.renew = Store::Renew::Everything;
    else if (word == "--wait")
      r.options.wait = true;
    else if (word == "--no-report")
      r.report = false;
    else if (word == "--config-dir" && i + 1 < a.size())
      r.compose.search_path.push_back(a[++i]);
    else if (word.rfind("-", 0) == 0 && word.find('=') == std::string::npos)
      fail("{}: unknown flag '{}'; bench {} --help lists them", a[0], word, a[0]);
    else if (r.compose.primary.empty())
      r.compose.primary = word;
    else
      r.compose.overrides.push_back(word);
  }
  if (r.compose.primary.empty())
    fail("{}: which configuration? usage: bench {} configs/llama_sweep.yaml [key=value]...", a[0],
         a[0]);
  const auto shipped = home() / "configs";
  const auto own = r.compose.primary.has_parent_path() ? r.compose.primary.parent_path() : ".";
  if (std::error_code ignored; !std::filesystem::equivalent(shipped, own, ignored))
    r.compose.search_path.push_back(shipped);
  return r;
}

Planned plan_or_fail(const Request& r) {
  auto planned = plan_jobs(expand(r.compose));
  if (planned.mistakes.empty()) return planned;
  std::string all;
  for (const auto& m : planned.mistakes) all += (all.empty() ? "" : "\n") + m;
  fail("{}{}",
       planned.mistakes.size() > 1 ? fmt::format("{} mistakes in {}:\n", planned.mistakes.size(),
                                                 r.compose.primary.string())
                                   : "",
       all);
}

/// The report is the front's: the same program that prints it later.
int print_report(const std::string& db) {
  const auto front = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "bench";
  std::cout.flush();
  const pid_t pid = fork();
  if (pid == 0) {
    execl(front.c_str(), front.c_str(), "report", "--db", db.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

}  // namespace

namespace {

std::string count_of(int64_t count, const std::string& what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

/// What was typed, so that it can be typed again.
std::string command_of(const Arguments& a) {
  std::string line = "bench";
  for (const auto& word : a) {
    const bool plain = word.find_first_of(" \t\n'\"\\$&|;<>(){}[]*?~#`!") == word.npos;
    line += plain ? " " + word : " '" + word + "'";
  }
  return printable(line);
}

/// The failures with their reasons, and what tries them again.
void tell_failures(const RunResult& result, const Arguments& a) {
  constexpr size_t kMost = 10;
  for (size_t i = 0; i < std::min(kMost, result.failures.size()); ++i)
    std::cerr << fmt::format("  failed: {} (trial {}): {}\n", printable(result.failures[i].name),
                             result.failures[i].trial, printable(result.failures[i].why));
  if (result.failures.size() > kMost)
    std::cerr << fmt::format("  and {} more\n", result.failures.size() - kMost);
  if (result.failed_before > 0)
    std::cerr << fmt::format("{} failed in an earlier run and stayed as they are\n",
                             count_of(result.failed_before, "trial"));
  const bool asked = std::find(a.begin(), a.end(), "--retry-failed") != a.end();
  if (result.failed + result.failed_tasks > 0)
    std::cerr << "try them again: " << command_of(a) << (asked ? "" : " --retry-failed") << "\n";
}

}  // namespace

int run(const Arguments& a) {
  const auto request = read(a);
  WorkerSource workers;  // before anything else: what a worker inherits is then small
  const auto planned = plan_or_fail(request);
  const auto result = launch(planned.trials, request.options, workers);
  if (result.interrupted) {
    std::cerr << fmt::format("stopped: {} of {} done; the same command goes on\n", result.done,
                             planned.trials.size());
    return 130;
  }
  if (!result.handed_over.empty()) {
    std::cerr << printable_lines(result.handed_over);
    return 0;
  }
  const auto tasks =
      result.failed_tasks ? " with " + count_of(result.failed_tasks, "failed task") : "";
  const auto stale =
      result.stale ? fmt::format(", {} measured again", result.stale) : std::string();
  std::cerr << fmt::format(
      "{} trials: {} done{} ({} before{}), {} failed; {} duplicates dropped; "
      "{}\n",
      planned.trials.size(), result.done, tasks, result.already, stale, result.failed,
      planned.duplicates, printable(request.options.db));
  tell_failures(result, a);
  if (result.unfinished > 0)
    std::cerr << fmt::format("{} left undone by jobs that have ended; the same command goes on\n",
                             count_of(result.unfinished, "trial"));
  const int printed = request.report ? print_report(request.options.db) : 0;
  return result.failed + result.failed_tasks + result.unfinished > 0 ? 1 : printed;
}

namespace {

/// How many trials of a plan a database has: "12 done, 3 stale (their code changed), 66 missing".
std::string standings(const Planned& planned, const std::string& db) {
  std::map<Store::Standing, int64_t> counts;
  if (std::filesystem::exists(db)) {
    const Store store(db, Store::Mode::ReadOnly);
    for (const auto& t : planned.trials) ++counts[store.standing(t.spec)];
  } else {
    counts[Store::Standing::Missing] = static_cast<int64_t>(planned.trials.size());
  }
  using enum Store::Standing;
  std::string text;
  for (const auto& [standing, words] :
       {std::pair(Done, "done"), std::pair(Stale, "stale (their code changed)"),
        std::pair(Failed, "failed"), std::pair(Open, "begun or waiting"),
        std::pair(Missing, "missing")})
    if (counts[standing] > 0)
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", counts[standing], words);
  return text;
}

std::string duration(double seconds) {
  if (seconds < 10) return fmt::format("{:.1f} s", seconds);
  if (seconds < 90) return fmt::format("{:.0f} s", seconds);
  if (seconds < 5400) return fmt::format("{:.0f} min", seconds / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

/// What is not done will take so long, by what such trials took on this kind of machine; empty
/// where nothing like them was measured.
std::string cost_of_the_rest(const Planned& planned, const std::string& db) {
  if (!std::filesystem::exists(db)) return "";
  std::vector<const TrialSpec*> rest;
  {
    const Store store(db, Store::Mode::ReadOnly);
    for (const auto& t : planned.trials)
      if (const auto s = store.standing(t.spec);
          s != Store::Standing::Done && s != Store::Standing::Failed)
        rest.push_back(&t.spec);
  }
  if (rest.empty()) return "";
  const auto& first = planned.trials.front().config;
  Outcome here;
  record_environment(here, first.find("device")->string());
  const auto value = [&](const std::string& name) {
    for (const auto& [known, text] : here.environment)
      if (known == name) return text;
    return std::string();
  };
  const History history(db, value("device"), value("cpu"));
  const auto f = forecast(rest, history);
  if (f.trials == f.unknown) return "";
  const auto cores = std::max(1u, std::thread::hardware_concurrency());
  const auto workers = static_cast<double>(
      std::min<int64_t>(workers_of(launcher_of(planned.trials), 0, cores), f.trials));
  const auto wall = [&](double seconds) {
    return duration(std::max(seconds / workers, f.longest));
  };
  auto text = fmt::format(
      "what is left: about {} ({} to {}) with {:.0f} worker{}, at most about {:.0f} MiB each, "
      "{:.1f} "
      "MB of database; by {} of this kind of machine",
      wall(f.seconds.middle), wall(f.seconds.low), wall(f.seconds.high), workers,
      workers == 1 ? "" : "s", f.memory / (1 << 20),
      history.bytes_a_trial() * static_cast<double>(f.trials) / 1e6,
      count_of(static_cast<int64_t>(history.trials()), "finished trial"));
  if (f.unknown > 0)
    text += fmt::format("; {} of kinds that were never measured not counted",
                        count_of(f.unknown, "trial"));
  return text + "\n";
}

}  // namespace

int plan(const Arguments& a) {
  const auto request = read(a);
  const auto planned = plan_or_fail(request);
  std::cout << fmt::format("{:<17} {:<16} {:<18} {:<14} {:>8}  {}\n", "trial", "model", "method",
                           "pattern", "sparsity", "tasks");
  for (const auto& t : planned.trials) {
    const auto tasks = printable(fmt::format("{}", fmt::join(t.tasks, ", ")));
    std::cout << fmt::format("{:<17} {:<16} {:<18} {:<14} {:>8.4g}  {}\n", t.spec.id,
                             printable(t.spec.model), printable(t.spec.method),
                             printable(t.spec.pattern), t.spec.sparsity, tasks);
  }
  std::cout << fmt::format("{} trials, {} duplicates dropped\n", planned.trials.size(),
                           planned.duplicates);
  if (!planned.trials.empty())
    std::cout << fmt::format("{}: {}\n", printable(request.options.db),
                             standings(planned, request.options.db))
              << cost_of_the_rest(planned, request.options.db);
  return 0;
}

int element(const Arguments& a) {
  if (a.size() != 3) fail("element: is started by a job of bench run launcher=slurm");
  return run_element(a[1], a[2]);
}

int worker(const Arguments& a) {
  if (a.size() != 2) fail("worker: is started by bench run");
  return work(a[1]);
}

}  // namespace bench::engine
