#include "fleet/element.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "fleet/launcher.h"
#include "fleet/process_name.h"
#include "hydra/yaml/yaml.h"
#include "results/sqlite.h"
#include "slurm/script.h"
#include "slurm/submission.h"

namespace bench {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

/// A folder on this node's disk, gone when the element ends.
class LocalFolder {
 public:
  LocalFolder() {
    const char* own = std::getenv("SLURM_TMPDIR");
    auto pattern =
        ((own && fs::is_directory(own) ? fs::path(own) : fs::temp_directory_path()) / "bench-")
            .string();
    pattern.append(6, 'X');  // for mkdtemp to replace
    if (!mkdtemp(pattern.data())) fail("{}: no folder can be made there", pattern);
    path = pattern;
  }
  ~LocalFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  LocalFolder(const LocalFolder&) = delete;
  LocalFolder& operator=(const LocalFolder&) = delete;
  fs::path path;
};

/// The submission, once its folder is there: the job may start before it, or a network file system
/// may show it late.
slurm::Submission wait_for(const std::string& folder) {
  for (int second = 0; second < 60 && !fs::exists(fs::path(folder) / "submission.json"); ++second)
    std::this_thread::sleep_for(std::chrono::seconds(1));
  return slurm::read_submission(folder);
}

/// Copies the ledger back. At most a tenth of the time goes into it: where trials end faster than
/// that, several come back together.
class Copies {
 public:
  Copies(const slurm::Submission& submission, int64_t element, std::string ledger)
      : submission_(submission), element_(element), ledger_(std::move(ledger)) {
    slurm::own(submission_, element_, me_);
  }
  void now_and_then() {
    if (Clock::now() < next_) return;
    const auto begin = Clock::now();
    if (const auto ended = count(); ended != copied_) try {
        copy();
        copied_ = ended;
      } catch (const Error& e) {
        if (!owned()) throw;
        std::fprintf(stderr, "bench: %s; it is tried again\n", e.what());
        next_ = Clock::now() + std::chrono::seconds(30);
        return;
      }
    const auto took = Clock::now() - begin;
    next_ = Clock::now() + std::max<Clock::duration>(9 * took, std::chrono::milliseconds(200));
  }
  /// A file system that is away for a moment must not cost what was found.
  void at_the_end() const {
    constexpr int kMost = 4;  // Slurm leaves half a minute
    for (int attempt = 1;; ++attempt) try {
        return copy();
      } catch (const Error&) {
        if (attempt == kMost || !owned()) throw;
        std::this_thread::sleep_for(std::chrono::seconds(5));
      }
  }

 private:
  bool owned() const { return slurm::owns(submission_, element_, me_); }
  void copy() const {
    if (!owned())
      fail("{}: another process works on this share now; this one ends",
           slurm::shard_of(submission_, element_));
    slurm::publish(ledger_, slurm::shard_of(submission_, element_));
  }
  int64_t count() const {
    sqlite::Connection db(ledger_, SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_READWRITE);
    return db.number("SELECT count(*) FROM trial WHERE state IN ('done', 'failed')");
  }
  const slurm::Submission& submission_;
  const int64_t element_;
  const std::string ledger_, me_ = process_name() + " " + std::to_string(unix_now());
  int64_t copied_ = -1;  // the first copy says that somebody works on it
  Clock::time_point next_ = Clock::now();
};

std::vector<TrialPlan> plans_of(const Store& store) {
  std::vector<TrialPlan> plans;
  for (const auto& t : store.trials()) {
    TrialPlan plan;
    plan.spec = t;
    if (plans.empty()) plan.config = load_yaml(t.config, "trial " + t.id);
    plans.push_back(std::move(plan));
  }
  return plans;
}

int cores_here() {
  const char* given = std::getenv("SLURM_CPUS_PER_TASK");
  return given ? std::max(1, std::atoi(given)) : 0;
}

/// The warning came by the time limit, not earlier by a preemption. Slurm looks at limits every
/// half a minute, and may warn a minute too soon.
bool at_time_limit(const slurm::Submission& s, Clock::time_point begin) {
  constexpr double kSlack = 90;
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  return seconds + static_cast<double>(s.signal_delay_s) + kSlack >=
         static_cast<double>(s.timeout_min) * 60;
}

/// Back into the queue, unless that was done often enough.
int after_warning(const slurm::Submission& s, int64_t element, Clock::time_point begin) {
  if (!at_time_limit(s, begin)) return slurm::kAgain;
  slurm::count_timeout(s, element);
  const auto count = slurm::timeouts_of(s, element);
  if (count <= s.max_num_timeout) return slurm::kAgain;
  std::fprintf(stderr,
               "bench: the time limit of %lld minutes was reached %lld times "
               "(launcher.max_num_timeout=%lld); what is left stays to be done: give the same "
               "command again, with a longer launcher.timeout_min\n",
               static_cast<long long>(s.timeout_min), static_cast<long long>(count),
               static_cast<long long>(s.max_num_timeout));
  return 1;
}

/// Until the run listens to them: one that comes earlier waits.
void hold_signals() {
  sigset_t held;
  sigemptyset(&held);
  for (const int signal : {SIGUSR1, SIGTERM}) sigaddset(&held, signal);
  sigprocmask(SIG_BLOCK, &held, nullptr);
}

}  // namespace

int run_element(const std::string& folder, const std::string& number) {
  const auto begin = Clock::now();
  WorkerSource workers;  // before anything else: what a worker inherits is then small
  hold_signals();
  const auto submission = wait_for(folder);
  const auto element = std::atoll(number.c_str());
  const auto shard = slurm::shard_of(submission, element);
  const LocalFolder local;
  RunOptions options;
  options.db = (local.path / "shard.db").string();
  options.renew = Store::Renew::Nothing;
  options.cores = cores_here();
  options.patient = true;
  fs::copy_file(shard, options.db);
  know_files(submission.files);
  std::vector<TrialPlan> plans;
  {
    Store store(options.db);
    for (const auto& t : store.trials())  // of an element of this number that is gone
      if (t.state == "running") store.release(t.worker);
    plans = plans_of(store);
  }
  if (plans.empty()) return 0;
  Copies copies(submission, element, options.db);
  options.after = [&] { copies.now_and_then(); };
  RunResult result;
  try {
    result = run_trials(plans, options, workers);
  } catch (...) {
    copies.at_the_end();
    throw;
  }
  copies.at_the_end();
  std::fprintf(stderr, "element %s: %lld of %zu trials done, %lld failed\n", number.c_str(),
               static_cast<long long>(result.done), plans.size(),
               static_cast<long long>(result.failed));
  if (result.interrupted)
    return result.signal == SIGUSR1 ? after_warning(submission, element, begin) : 143;
  const bool fast = launcher_of(plans).get<std::string>("fail") == "fast";
  if (result.failed > 0 && fast) return slurm::kStopAll;
  return result.failed + result.failed_tasks > 0 ? 1 : 0;
}

}  // namespace bench
