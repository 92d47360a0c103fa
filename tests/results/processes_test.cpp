// Many processes on one ledger, and workers that are killed at random moments.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <random>
#include <thread>

#include "results/store.h"
#include "results/store_cases.h"
#include "test.h"

using namespace bench;
using namespace bench::test;

namespace {

/// Claims and finishes trials until none is left. Never returns: a forked child must not run the
/// test program's own exit handlers.
[[noreturn]] void work(const std::string& path, const std::vector<std::string>& ids,
                       const std::string& worker) {
  try {
    Store store(path);
    while (const auto trial = store.claim({ids, worker, "key", 600, false, 0})) {
      Outcome outcome = some_outcome();
      outcome.notes.emplace_back("worker", worker);
      if (!store.finish(trial->id, worker, outcome)) _exit(3);
    }
    _exit(0);
  } catch (const std::exception&) {
    _exit(4);
  }
}

pid_t start(const std::string& path, const std::vector<std::string>& ids,
            const std::string& worker) {
  const pid_t child = fork();
  if (child == 0) work(path, ids, worker);
  return child;
}

/// Exit status, or -signal.
int wait_for(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void check_complete(const std::string& path, size_t count) {
  Store store(path);
  std::map<std::string, int> rows;
  for (const auto& m : store.metrics()) ++rows[m.trial];
  CHECK(rows.size() == count);
  for (const auto& [id, n] : rows) CHECK(n == 2);
  for (const auto& trial : store.trials()) {
    CHECK(trial.state == "done");
    CHECK(store.outcome(trial.id).environment.size() == 2);
  }
}

}  // namespace

TEST_CASE("four processes never get the same trial", "[results]") {
  TempDir folder;
  const std::string path = folder.path / "a.db";
  const auto specs = some_specs(200);
  { Store(path).submit(specs); }
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    children.push_back(start(path, ids_of(specs), fmt::format("w{}", i)));
  }
  for (const pid_t child : children) CHECK(wait_for(child) == 0);
  for (const auto& trial : Store(path).trials()) CHECK(trial.attempts == 1);
  check_complete(path, 200);
}

TEST_CASE("several processes may create one ledger at once", "[results]") {
  TempDir folder;
  const std::string path = folder.path / "a.db";
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      try {
        Store(path).submit(some_specs(20));
        _exit(0);
      } catch (const std::exception&) {
        _exit(4);
      }
    }
    children.push_back(child);
  }
  for (const pid_t child : children) CHECK(wait_for(child) == 0);
  CHECK(Store(path).trials().size() == 20);
}

TEST_CASE("kill -9 at random moments loses and doubles nothing", "[results]") {
  TempDir folder;
  const std::string path = folder.path / "a.db";
  const auto specs = some_specs(600);
  { Store(path).submit(specs); }
  std::mt19937 random(7);
  int killed = 0;
  for (int round = 0; round < 40; ++round) {
    const std::string worker = fmt::format("w{}", round);
    const pid_t child = start(path, ids_of(specs), worker);
    std::this_thread::sleep_for(
        std::chrono::microseconds(std::uniform_int_distribution<int>(500, 12'000)(random)));
    kill(child, SIGKILL);
    killed += wait_for(child) == -SIGKILL;
    Store store(path);
    CHECK(store.release(worker) <= 1);
  }
  CHECK(killed > 0);
  CHECK(wait_for(start(path, ids_of(specs), "last")) == 0);
  check_complete(path, 600);
}
