#include "fleet/hand_over.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "base/clock.h"
#include "base/error.h"
#include "base/file_digest.h"
#include "hydra/yaml/yaml.h"
#include "models/checkpoint.h"
#include "results/cost.h"
#include "slurm/script.h"
#include "slurm/shares.h"
#include "trial/trial.h"

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

  slurm::Submission run(const std::vector<TrialSpec>& trials, const std::vector<Trial>& finished) {
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
    return submit(folder, shares.size());
  }

 private:
  /// Held, until everything lies where the elements look for it: only then is the id known that
  /// names the place.
  slurm::Submission submit(NewFolder& folder, size_t elements) {
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

}  // namespace

slurm::Submission hand_over(const slurm::Keys& keys, const std::string& db,
                            const std::vector<TrialSpec>& trials,
                            const std::vector<Trial>& finished) {
  return Submitting(keys, db).run(trials, finished);
}

}  // namespace bench
