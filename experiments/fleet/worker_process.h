#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

namespace bench {

/// A process that works for a run; what it says on its standard output arrives at `out`, which does
/// not block. It is killed when its parent ends.
struct WorkerProcess {
  pid_t pid = 0;
  int out = -1;
  std::string name;  // process_name()
};

/// Starts workers. A few are forked at once and wait: LibTorch, which takes 0.3 s to load, is there
/// already. Construct it before anything has started a thread or opened a database, since neither
/// survives a fork; where a thread runs already, no worker waits.
class WorkerSource {
 public:
  WorkerSource();
  ~WorkerSource();  // those still waiting end
  WorkerSource(const WorkerSource&) = delete;
  WorkerSource& operator=(const WorkerSource&) = delete;

  /// A process that does work(wish_file) on so many threads: one that waits, else a new program.
  /// `card`: the only one that it sees (CUDA_VISIBLE_DEVICES); empty: those that this process sees.
  WorkerProcess start(const std::string& wish_file, int threads, const std::string& card = "");

 private:
  struct Waiting {
    WorkerProcess process;
    int in;  // it is told here what to do
  };
  void add();
  std::vector<Waiting> waiting_;
};

}  // namespace bench
