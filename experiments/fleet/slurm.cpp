// launcher.kind=slurm: deals the trials that nobody has done to the elements of one array, and
// brings back what they found. Slurm schedules, SQLite files are merged; there is no service.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "base/file_digest.h"
#include "fleet/launcher.h"
#include "fleet/progress.h"
#include "hydra/yaml/yaml.h"
#include "models/checkpoint.h"
#include "results/cost.h"
#include "slurm/script.h"
#include "slurm/shares.h"
#include "slurm/submission.h"

extern char** environ;

namespace bench {
namespace {

namespace fs = std::filesystem;

slurm::Programs programs() {
  const auto engine = fs::read_symlink("/proc/self/exe");
  slurm::Programs all{engine.parent_path() / "bench", engine, fs::current_path(), {}};
  for (char** entry = environ; *entry; ++entry) {
    const std::string line = *entry;
    const auto equals = line.find('=');
    const auto name = line.substr(0, equals);
    // Ours, and what the front sets for the engine before LibTorch loads.
    const bool ours = name.starts_with("BENCH_") || name.starts_with("HF_");
    if (equals != std::string::npos &&
        (ours || name == "THP_MEM_ALLOC_ENABLE" || name == "OMP_WAIT_POLICY"))
      all.environment.emplace_back(name, line.substr(equals + 1));
  }
  std::sort(all.environment.begin(), all.environment.end());
  return all;
}

/// Bytes of each model's files, by name: what stands for a cost where nothing was measured.
std::map<std::string, double> bytes_of(const std::vector<TrialSpec>& trials) {
  std::map<std::string, double> bytes;
  for (const auto& t : trials) {
    if (bytes.count(t.model) > 0) continue;
    double& sum = bytes[t.model];
    for (const auto& f : files_of_model(model_path(load_yaml(t.config, "trial " + t.id)))) {
      std::error_code ignored;
      const auto size = fs::file_size(f, ignored);
      if (!ignored) sum += static_cast<double>(size);
    }
  }
  return bytes;
}

/// A folder beside the one that the job's id will name, gone unless it was renamed to it.
class NewFolder {
 public:
  explicit NewFolder(const slurm::Keys& keys) {
    const auto place = fs::path(slurm::folder_of(keys, 0)).parent_path();
    std::error_code error;
    fs::create_directories(place, error);
    path_ = (place / "new-").string();
    path_.append(6, 'X');  // for mkdtemp to replace
    if (!mkdtemp(path_.data()))
      fail("launcher.folder: no folder can be made in {}", place.string());
    fs::permissions(path_, fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec |
                               fs::perms::others_read | fs::perms::others_exec);
  }
  ~NewFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;
  std::string file(const std::string& name, const std::string& text) const {
    const auto file = (fs::path(path_) / name).string();
    std::ofstream out(file);
    out << text;
    out.close();
    if (!out) fail("{}: cannot be written", file);
    return file;
  }
  void become(const std::string& folder) {
    fs::create_directories(fs::path(folder).parent_path());
    if (fs::exists(folder))
      fail("{}: is there already, of an earlier job of that number; move it away", folder);
    fs::rename(path_, folder);
    path_ = folder;
  }
  void stay() { path_.clear(); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// A job that is taken back unless all went well.
struct Job {
  int64_t id = 0;
  ~Job() {
    if (id > 0) try {
        slurm::call({"scancel", std::to_string(id)});
      } catch (const std::exception&) {
      }
  }
};

class Submitting {
 public:
  Submitting(const slurm::Keys& keys, const std::string& db)
      : keys_(keys), db_(fs::absolute(db).lexically_normal()), programs_(programs()) {}

  slurm::Submission submit(const std::vector<TrialSpec>& trials,
                           const std::vector<Trial>& finished) {
    const auto costs = predicted_cost(trials, finished, bytes_of(trials));
    std::vector<slurm::Piece> pieces;
    for (size_t i = 0; i < trials.size(); ++i) pieces.push_back({trials[i].share_key, costs[i]});
    const auto wanted = keys_.elements > 0 ? keys_.elements : keys_.array_parallelism;
    const auto shares = slurm::deal(pieces, static_cast<size_t>(wanted));
    NewFolder folder(keys_);
    for (size_t k = 0; k < shares.size(); ++k) {
      std::vector<TrialSpec> share;
      for (const auto t : shares[k]) share.push_back(trials[t]);
      slurm::freeze(share, (fs::path(folder.path()) / fmt::format("shard-{}.db", k)).string());
    }
    return hand_over(folder, shares.size());
  }

 private:
  /// Held, until everything lies where the elements look for it: only then is the id known that
  /// names the place.
  slurm::Submission hand_over(NewFolder& folder, size_t elements) {
    Job array, merge;
    array.id = slurm::submit(
        {"--hold", folder.file("element.sh", slurm::element_script(keys_, elements, programs_))});
    slurm::Submission s;
    s.job = array.id;
    s.folder = slurm::folder_of(keys_, array.id);
    s.db = db_;
    s.elements = static_cast<int64_t>(elements);
    s.timeout_min = keys_.timeout_min;
    s.signal_delay_s = keys_.signal_delay_s;
    s.max_num_timeout = keys_.max_num_timeout;
    s.submitted = unix_now();
    s.files = known_files();
    const auto script =
        folder.file("merge.sh", slurm::merge_script(keys_, s.folder, s.db, programs_));
    try {
      merge.id = slurm::submit({fmt::format("--dependency=afterany:{}", array.id), script});
    } catch (const Error& e) {
      std::fprintf(stderr, "bench: no job merges at the end, the next bench run does: %s\n",
                   e.what());
    }
    s.merge = merge.id;
    slurm::write_submission(s, folder.path());
    folder.become(s.folder);
    slurm::list_submission(s);
    const auto released = slurm::call({"scontrol", "release", std::to_string(s.job)});
    if (released.code != 0)
      fail("job {} was submitted, but not released: {}", s.job, released.errors);
    array.id = merge.id = 0;
    folder.stay();
    return s;
  }

  const slurm::Keys& keys_;
  const std::string db_;
  const slurm::Programs programs_;
};

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
    const auto s = Submitting(keys, options.db).submit(open, store.trials());
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
