#pragma once
#include <string>
#include <utility>
#include <vector>

#include "slurm/keys.h"

namespace bench::slurm {

/// What an element's program says to its batch script by its exit code.
constexpr int kAgain = 75;    // the time limit is near: back into the queue
constexpr int kStopAll = 76;  // launcher.fail=fast, and a trial failed

struct Programs {
  std::string bench, engine;  // absolute
  std::string chdir;          // where `bench run` was called
  std::vector<std::pair<std::string, std::string>> environment;
};

/// The batch script of the array: each element works on its share, and goes back into the queue
/// when it is told that its time ends.
std::string element_script(const Keys& keys, size_t elements, const Programs& programs);
/// The script of the job behind it: brings the shards in `folder` into the ledger.
std::string merge_script(const Keys& keys, const std::string& folder, const std::string& db,
                         const Programs& programs);

/// The folder of a job: the key's %j is its id.
std::string folder_of(const Keys& keys, int64_t job);
/// One word for a POSIX shell.
std::string quoted(const std::string& word);

}  // namespace bench::slurm
