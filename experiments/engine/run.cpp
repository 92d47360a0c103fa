// The verbs run, plan and worker.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <iostream>

#include "base/error.h"
#include "base/printable.h"
#include "engine/verbs.h"
#include "fleet/runner.h"

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

int run(const Arguments& a) {
  const auto request = read(a);
  WorkerSource workers;  // before anything else: what a worker inherits is then small
  const auto planned = plan_or_fail(request);
  const auto result = run_trials(planned.trials, request.options, workers);
  const auto tasks = result.failed_tasks
                         ? fmt::format(" with {} failed task{}", result.failed_tasks,
                                       result.failed_tasks == 1 ? "" : "s")
                         : "";
  std::cerr << fmt::format(
      "{} trials: {} done{} ({} before), {} failed; {} duplicates dropped; {}\n",
      planned.trials.size(), result.done, tasks, result.already, result.failed, planned.duplicates,
      printable(request.options.db));
  const int printed = request.report ? print_report(request.options.db) : 0;
  return result.failed + result.failed_tasks > 0 ? 1 : printed;
}

int plan(const Arguments& a) {
  const auto request = read(a);
  const auto planned = plan_or_fail(request);
  std::cout << fmt::format("{:<17} {:<16} {:<18} {:<14} {:>8}  {}\n", "trial", "model", "method",
                           "pattern", "sparsity", "tasks");
  for (const auto& t : planned.trials) {
    std::string tasks;
    for (const auto& e : t.config.find("task")->map())
      tasks += (tasks.empty() ? "" : ", ") + printable(e.key);
    std::cout << fmt::format("{:<17} {:<16} {:<18} {:<14} {:>8.4g}  {}\n", t.spec.id,
                             printable(t.spec.model), printable(t.spec.method),
                             printable(t.spec.pattern), t.spec.sparsity, tasks);
  }
  std::cout << fmt::format("{} trials, {} duplicates dropped\n", planned.trials.size(),
                           planned.duplicates);
  return 0;
}

int worker(const Arguments& a) {
  if (a.size() != 2) fail("worker: is started by bench run");
  return work(a[1]);
}

}  // namespace bench::engine
