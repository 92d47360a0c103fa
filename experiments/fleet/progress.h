#pragma once
#include <chrono>
#include <map>
#include <string>

#include "trial/trial.h"

namespace bench {

/// One line on the terminal: how many trials are done, what each worker does, how long it may take.
/// A line per failure. Where standard error is no terminal, a plain line every 30 seconds.
class RunProgress {
 public:
  explicit RunProgress(const std::vector<TrialPlan>& trials);
  void already(int64_t done);  // finished before this run, or elsewhere
  void start(const std::string& worker, const std::string& trial);
  void step(const std::string& worker, const std::string& phase, int64_t done, int64_t of);
  void finish(const std::string& worker, const std::string& trial, const std::string& why_failed);
  /// A trial that is not over: it will be run once more.
  void again(const std::string& worker, const std::string& trial, const std::string& why);
  /// A task that has no numbers, of a trial that goes on.
  void failed_task(const std::string& trial, const std::string& task, const std::string& why);
  /// A line of its own for what runs elsewhere, until it leaves.
  void say(const std::string& worker, const std::string& what);
  void leave(const std::string& worker);
  void tick();
  void end();

 private:
  using Clock = std::chrono::steady_clock;
  void wipe();
  std::map<std::string, std::string> names_;   // trial id -> "model method pattern sparsity"
  std::map<std::string, std::string> doing_;   // worker -> what it does
  std::map<std::string, std::string> trials_;  // worker -> trial id
  int64_t total_, done_ = 0, here_ = 0;
  bool terminal_, drawn_ = false;
  Clock::time_point begin_ = Clock::now(), last_ = begin_;
};

}  // namespace bench
