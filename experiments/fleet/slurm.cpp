// launcher.kind=slurm: deals the trials that nobody has done to the elements of one array, and
// brings back what they found. Slurm schedules, SQLite files are merged; there is no service.
#include <algorithm>
#include <set>
#include <thread>

#include "base/error.h"
#include "fleet/hand_over.h"
#include "fleet/launcher.h"
#include "fleet/progress.h"

namespace bench {
namespace {

/// The trials of a plan that nobody has done and nobody works on.
std::vector<TrialSpec> missing(const std::vector<TrialPlan>& trials, const Store& store,
                               const std::vector<std::string>& in_flight, bool retry_failed) {
  std::map<std::string, std::string> states;
  for (const auto& t : store.trials()) states[t.id] = t.state;
  std::set<std::string> partly, flying(in_flight.begin(), in_flight.end());
  for (const auto& f : store.failed_tasks()) partly.insert(f.trial);
  std::vector<TrialSpec> all;
  for (const auto& t : trials) {
    const auto& state = states[t.spec.id];
    const bool over = (state == "done" && !(retry_failed && partly.count(t.spec.id) > 0)) ||
                      (state == "failed" && !retry_failed);
    if (!over && flying.count(t.spec.id) == 0) all.push_back(t.spec);
  }
  return all;
}

std::vector<slurm::Submission> open_submissions(const std::string& db) {
  auto all = slurm::submissions_of(db);
  std::erase_if(all, slurm::is_merged);
  return all;
}

bool any_live(const std::vector<slurm::Submission>& all, const std::vector<slurm::Queued>& queue) {
  for (const auto& s : all)
    for (const auto& q : queue)
      if (q.job == s.job) return true;
  return false;
}

std::string jobs_of(const std::vector<slurm::Submission>& all,
                    const std::vector<slurm::Queued>& queue) {
  std::string text;
  for (const auto& s : all)
    if (any_live({s}, queue)) text += (text.empty() ? "" : ", ") + std::to_string(s.job);
  return text;
}

/// Until no element of these is in the queue any more.
void wait_for(const std::vector<slurm::Submission>& submissions,
              const std::vector<TrialPlan>& trials, int64_t done_before) {
  RunProgress progress(trials);
  constexpr int kMostSilence = 20;
  int silent = 0;
  int64_t counted_before = -1;
  for (int round = 0;; ++round) {
    std::vector<slurm::Queued> queue;
    try {
      queue = slurm::queue();
      silent = 0;
    } catch (const Error&) {
      if (++silent == kMostSilence) throw;  // a controller that restarts is no reason to give up
      std::this_thread::sleep_for(std::chrono::seconds(5));
      continue;
    }
    int64_t ended = 0;
    for (const auto& s : submissions)
      for (const auto& e : slurm::elements_of(s, queue)) {
        ended += e.done + e.failed;
        const auto name = fmt::format("{}_{}", s.job, e.number);
        if (e.state.empty())
          progress.leave(name);
        else
          progress.say(name,
                       fmt::format("{} {} {}/{}", name, e.state, e.done + e.failed, e.trials));
      }
    if (counted_before < 0) counted_before = ended;  // those stand in the ledger already
    const auto done = done_before + ended - counted_before;
    progress.already(std::min(done, static_cast<int64_t>(trials.size())));
    progress.tick();
    if (!any_live(submissions, queue)) break;
    const int pause = round < 30 ? 2 : 15;  // seconds: many who wait must not burden the controller
    std::this_thread::sleep_for(std::chrono::seconds(pause));
  }
  progress.end();
}

RunResult counted(const std::vector<TrialPlan>& trials, const Store& store, RunResult result) {
  count_trials(store, trials, result);
  name_failures(store, trials, result);
  result.unfinished = static_cast<int64_t>(trials.size()) - result.done - result.failed;
  return result;
}

RunResult run_on_slurm(const std::vector<TrialPlan>& trials, const RunOptions& options,
                       WorkerSource&) {
  const auto keys = slurm::keys_from(launcher_of(trials));
  slurm::require_installed();
  const auto before = open_submissions(options.db);
  const auto queue = slurm::queue();  // before the shards are read: what has ended is then whole
  if (options.renew == Store::Renew::Everything && any_live(before, queue))
    fail("--again: job {} of {} is in the queue; wait for it (bench status), or scancel it",
         jobs_of(before, queue), options.db);
  { const Store made(options.db); }  // a ledger, before anything is merged into it
  slurm::gather(before, queue);
  Store store(options.db);
  std::vector<TrialSpec> specs;
  for (const auto& t : trials) specs.push_back(t.spec);
  const auto submitted = store.submit(specs, options.renew);
  RunResult result;
  result.new_trials = submitted.added;
  result.stale = submitted.stale;
  result = counted(trials, store, std::move(result));
  result.already = result.done;
  if (!options.retry_failed) result.failed_before = result.failed;
  const auto open = missing(trials, store, slurm::in_flight(before, queue), options.retry_failed);
  auto live = before;
  std::erase_if(live, [&](const auto& s) { return !any_live({s}, queue); });
  if (open.empty() && live.empty()) return result;
  std::string said;
  if (!open.empty()) {
    const auto s = hand_over(keys, options.db, open, store.trials());
    live.push_back(s);
    said = fmt::format("job {}: {} of {} trials in {} element{}; {}\n", s.job, open.size(),
                       trials.size(), s.elements, s.elements == 1 ? "" : "s", s.folder);
  } else {
    said = fmt::format("nothing to submit: what is not done is in the queue, as job {}\n",
                       jobs_of(live, queue));
  }
  if (!options.wait) {
    result.handed_over =
        said +
        "'bench status' shows how it stands; the same command again brings in what is done\n";
    return result;
  }
  std::fputs(said.c_str(), stderr);
  wait_for(live, trials, result.done + result.failed);
  slurm::gather(open_submissions(options.db), slurm::queue());
  auto end = counted(trials, store, {});
  end.new_trials = result.new_trials;
  end.stale = result.stale;
  end.already = result.already;
  end.failed_before = options.retry_failed ? 0 : result.failed_before;
  return end;
}

void check_keys(const Config& launcher) {
  slurm::keys_from(launcher);
}

const LauncherKind kSlurm("slurm",
                          {.doc = "One array job of a Slurm cluster; each element works on a share "
                                  "of the trials.",
                           .schema = slurm::schema(),
                           .check = check_keys,
                           .run = run_on_slurm});

}  // namespace
}  // namespace bench
