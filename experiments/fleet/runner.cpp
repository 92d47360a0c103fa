#include "fleet/runner.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "base/file_digest.h"
#include "fleet/cards.h"
#include "fleet/launcher.h"
#include "fleet/process_name.h"
#include "fleet/progress.h"
#include "results/store.h"

namespace bench {
namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

volatile std::sig_atomic_t stop_asked = 0;

/// While it lives the first signal of a kind only asks to stop; a second one ends the process,
/// unless it is patient.
class StopSignals {
 public:
  explicit StopSignals(bool patient) {
    stop_asked = 0;
    struct sigaction action {};
    action.sa_handler = [](int signal) { stop_asked = signal; };
    action.sa_flags = patient ? 0 : static_cast<int>(SA_RESETHAND);
    for (size_t i = 0; i < std::size(kSignals); ++i) sigaction(kSignals[i], &action, &before_[i]);
    sigset_t held;  // an element of a cluster holds them back until here
    sigemptyset(&held);
    for (const int signal : kSignals) sigaddset(&held, signal);
    sigprocmask(SIG_UNBLOCK, &held, nullptr);
  }
  ~StopSignals() {
    for (size_t i = 0; i < std::size(kSignals); ++i) sigaction(kSignals[i], &before_[i], nullptr);
  }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

 private:
  static constexpr int kSignals[] = {SIGINT, SIGTERM, SIGUSR1};
  struct sigaction before_[std::size(kSignals)]{};
};

/// One worker process and what it last said.
struct Worker : WorkerProcess {
  Worker(WorkerProcess process, std::string its_card)
      : WorkerProcess(std::move(process)), card(std::move(its_card)) {}
  std::string card;           // the only one that it sees; empty: as this process
  std::string unread, trial;  // trial: the one it runs now
  Clock::time_point started;
  double limit = 0;
  bool over_limit = false, spoke = false;
};

/// The list that workers claim from, in a file that is gone when the run ends.
class WishFile {
 public:
  WishFile(const std::vector<TrialPlan>& trials, const RunOptions& options, bool fail_fast) {
    path_ = (std::filesystem::temp_directory_path() / "bench-run-").string();
    path_.append(6, 'X');  // for mkstemp to replace
    const int fd = mkstemp(path_.data());
    if (fd < 0) fail("{}: cannot be written: {}", path_, std::strerror(errno));
    close(fd);
    Json ids = Json::array();
    for (const auto& t : trials) ids.push_back(t.spec.id);
    Json files = Json::array();  // what the plan read, so that no worker reads it all again
    for (const auto& f : known_files()) files.push_back({f.path, f.stamp, f.digest});
    order_ = {{"db", std::filesystem::absolute(options.db).string()},
              {"ids", ids},
              {"files", files},
              {"retry_failed", options.retry_failed},
              {"fail_fast", fail_fast},
              {"since", unix_now()},
              {"sparing", Json::array()}};
    write();
  }
  ~WishFile() { std::remove(path_.c_str()); }
  WishFile(const WishFile&) = delete;
  WishFile& operator=(const WishFile&) = delete;
  const std::string& path() const { return path_; }

  /// From now on this trial is run with little memory; false: it was already.
  bool spare(const std::string& id) {
    auto& all = order_.at("sparing");
    if (std::find(all.begin(), all.end(), Json(id)) != all.end()) return false;
    all.push_back(id);
    write();
    return true;
  }

 private:
  /// Beside its place first: a worker that starts meanwhile reads the one or the other.
  void write() const {
    std::ofstream(path_ + ".new") << order_;
    std::filesystem::rename(path_ + ".new", path_);
  }

  std::string path_;
  Json order_;
};

std::string death(int status, bool over_limit, double limit) {
  if (over_limit) return fmt::format("time limit of {} seconds reached", limit);
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    const char* hint = signal == SIGKILL ? "; the system may have run out of memory" : "";
    return fmt::format("the worker was ended by signal {} ({}){}", signal, strsignal(signal), hint);
  }
  return fmt::format("the worker ended with exit code {}", WEXITSTATUS(status));
}

/// The first trial stands for all: only its configuration is kept.
bool on_cards(const std::vector<TrialPlan>& trials) {
  const Value* device = trials.empty() ? nullptr : trials.front().config.find("device");
  return device && device->is_string() && device->string() == "cuda";
}

class Fleet {
 public:
  Fleet(const std::vector<TrialPlan>& trials, const RunOptions& options, WorkerSource& source)
      : trials_(trials),
        options_(options),
        source_(source),
        launcher_(launcher_of(trials)),
        cards_(cards_of(launcher_, visible_cards(on_cards(trials)))),
        fail_fast_(launcher_.get<std::string>("fail") == "fast"),
        store_(options.db),
        wishes_(trials, options, fail_fast_),
        progress_(trials) {}

  RunResult run() {
    std::vector<TrialSpec> specs;
    for (const auto& t : trials_) specs.push_back(t.spec);
    const auto submitted = store_.submit(specs, options_.renew);
    result_.new_trials = submitted.added;
    result_.stale = submitted.stale;
    release_the_dead();
    count_done();
    result_.already = result_.done;
    if (!options_.retry_failed) result_.failed_before = result_.failed;
    const StopSignals signals(options_.patient);
    while (!finished() && !stop_asked) {
      const auto before = result_.done + result_.failed;
      run_workers();
      count_done();
      if (finished() || stop_asked || (fail_fast_ && result_.failed > 0)) break;
      // What is left runs elsewhere: wait for it, or take it over when its worker is gone.
      if (result_.done + result_.failed == before)
        std::this_thread::sleep_for(std::chrono::milliseconds(500));
      release_the_dead();
    }
    progress_.end();
    result_.interrupted = stop_asked && !finished();
    result_.signal = stop_asked;
    name_failures(store_, trials_, result_);
    return result_;
  }

 private:
  bool finished() const { return open_ <= 0; }

  /// A worker that ends before it said anything could not start; the same would happen again.
  void count_empty_start(const Worker& w, int status) {
    constexpr int kMost = 3;
    if (w.spoke || stop_asked || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) return;
    if (++empty_starts_ < kMost) return;
    trouble_ = fmt::format(
        "{} workers in a row ended before they could begin ({}); what they said stands above: look "
        "at the temporary folder, the database {} and the memory",
        kMost, death(status, false, 0), options_.db);
  }

  void release_the_dead() {
    for (const auto& t : store_.trials())
      if (t.state == "running" && is_gone(t.worker)) store_.release(t.worker);
  }

  void count_done() {
    const auto partly = count_trials(store_, trials_, result_);
    open_ = static_cast<int64_t>(trials_.size()) - result_.done - result_.failed;
    if (options_.retry_failed && !ran_) open_ += result_.failed + partly;
    progress_.already(result_.done);
  }

  void run_workers() {
    const auto here = static_cast<int>(std::thread::hardware_concurrency());
    const auto cores = std::max(1, options_.cores > 0 ? options_.cores : here);
    const auto most = workers_of(launcher_, cards_.size(), cores);
    const auto count = static_cast<int>(std::min(most, std::max<int64_t>(open_, 1)));
    const int threads = std::max(1, cores / count);
    ran_ = true;
    std::vector<Worker> workers;
    for (int i = 0; i < count; ++i) {
      const auto card = cards_.empty() ? "" : cards_[static_cast<size_t>(i) % cards_.size()];
      workers.emplace_back(source_.start(wishes_.path(), threads, card), card);
    }
    while (!workers.empty()) {
      listen(workers);
      if (stop_asked)
        for (const auto& w : workers) kill(w.pid, SIGKILL);
      for (size_t i = 0; i < workers.size();) {
        if (!reap(workers[i])) {
          ++i;
          continue;
        }
        const bool crashed = !workers[i].trial.empty();
        const auto card = workers[i].card;
        workers.erase(workers.begin() + static_cast<long>(i));
        if (crashed && !fail_fast_ && !stop_asked && trouble_.empty())
          workers.emplace_back(source_.start(wishes_.path(), threads, card), card);
      }
    }
    if (!trouble_.empty()) fail("{}", trouble_);
  }

  void listen(std::vector<Worker>& workers) {
    std::vector<pollfd> ends;
    for (const auto& w : workers) ends.push_back({w.out, POLLIN, 0});
    poll(ends.data(), ends.size(), 200);
    for (auto& w : workers) {
      hear(w);
      if (w.limit > 0 && !w.trial.empty() && !w.over_limit &&
          std::chrono::duration<double>(Clock::now() - w.started).count() > w.limit) {
        w.over_limit = true;
        kill(w.pid, SIGKILL);
      }
    }
    progress_.tick();
    if (options_.after) options_.after();
  }

  void hear(Worker& w) {
    char buffer[65536];
    for (ssize_t n; (n = read(w.out, buffer, sizeof buffer)) > 0;)
      w.unread.append(buffer, static_cast<size_t>(n));
    for (size_t end; (end = w.unread.find('\n')) != std::string::npos; w.unread.erase(0, end + 1)) {
      const auto event = Json::parse(w.unread.substr(0, end), nullptr, false);
      if (!event.is_object()) continue;
      w.spoke = true;
      const auto kind = event.value("event", ""), id = event.value("id", "");
      empty_starts_ = 0;
      if (kind == "start") {
        w.trial = id;
        w.started = Clock::now();
        w.limit = event.value("limit", 0.0);
        progress_.start(w.name, id);
      } else if (kind == "progress") {
        progress_.step(w.name, event.value("phase", ""), event.value("done", int64_t{0}),
                       event.value("of", int64_t{1}));
      } else if (kind == "task") {
        progress_.failed_task(id, event.value("task", ""), event.value("why", ""));
      } else {
        w.trial.clear();
        if (kind == "stop") trouble_ = event.value("why", "");
        progress_.finish(w.name, id,
                         kind == "done" || kind == "lost" ? "" : event.value("why", ""));
      }
    }
  }

  /// True once the process has ended; a trial that it was running becomes a row with the reason.
  /// Where a system ends what takes too much memory it kills, without a word: such a trial is run
  /// once more with the least memory (worker.cpp), which changes no number.
  bool reap(Worker& w) {
    int status = 0;
    if (waitpid(w.pid, &status, WNOHANG) != w.pid) return false;
    hear(w);
    close(w.out);
    count_empty_start(w, status);
    const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && !w.over_limit;
    if (!w.trial.empty() && !stop_asked && killed && wishes_.spare(w.trial)) {
      progress_.again(w.name, w.trial, "its worker was killed; now with little memory");
    } else if (!w.trial.empty() && !stop_asked) {
      const auto why = death(status, w.over_limit, w.limit);
      store_.fail(w.trial, w.name, why);
      progress_.finish(w.name, w.trial, why);
    }
    store_.release(w.name);
    return true;
  }

  const std::vector<TrialPlan>& trials_;
  const RunOptions& options_;
  WorkerSource& source_;
  const Config launcher_;  // the same in every trial (plan_jobs)
  const std::vector<std::string> cards_;
  const bool fail_fast_;
  Store store_;
  WishFile wishes_;
  RunProgress progress_;
  RunResult result_;
  int64_t open_ = 0;
  bool ran_ = false;
  int empty_starts_ = 0;
  std::string trouble_;  // what a worker said of the database before it gave up
};

}  // namespace

int64_t count_trials(const Store& store, const std::vector<TrialPlan>& trials, RunResult& result) {
  std::map<std::string, std::string> states;
  for (const auto& t : store.trials()) states[t.id] = t.state;
  std::map<std::string, int64_t> failed_tasks;
  for (const auto& f : store.failed_tasks()) ++failed_tasks[f.trial];
  result.done = result.failed = result.failed_tasks = 0;
  int64_t partly = 0;
  for (const auto& t : trials) {
    const auto& state = states[t.spec.id];
    result.done += state == "done";
    result.failed += state == "failed";
    result.failed_tasks += failed_tasks[t.spec.id];
    partly += failed_tasks[t.spec.id] > 0;
  }
  return partly;
}

void name_failures(const Store& store, const std::vector<TrialPlan>& trials, RunResult& result) {
  std::set<std::string> wanted;
  for (const auto& t : trials) wanted.insert(t.spec.id);
  for (const auto& t : store.trials()) {
    if (t.state != "failed" || wanted.count(t.id) == 0) continue;
    result.failures.push_back(
        {t.id, fmt::format("{} {} {} {:g}", t.model, t.method, t.pattern, t.sparsity), t.error});
  }
}

void prepare_database(const std::string& db) {
  if (db.starts_with(":") || db.starts_with("file:"))
    fail("--db {}: workers share the database as a file; give the path of one", db);
  const auto folder = std::filesystem::path(db).parent_path();
  if (!folder.empty()) std::filesystem::create_directories(folder);
}

RunResult run_trials(const std::vector<TrialPlan>& trials, const RunOptions& options,
                     WorkerSource& workers) {
  prepare_database(options.db);
  return Fleet(trials, options, workers).run();
}

}  // namespace bench
