// The built programs as a user runs them: sweeps that finish, go on after kills, and record
// failures.
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <set>
#include <thread>

#include "results/store.h"
#include "test.h"

using namespace bench;
using namespace bench::test;

namespace {

const std::string kEngine = std::string(BENCH_BIN) + "/bench-engine";

const char* const kSweep = R"(model: {name: stories260k}
task:
  stories: {name: perplexity, text: text/tinystories_sample_2MiB.txt, windows: 2}
criterion: {name: magnitude}
sparsity: 0.5
sweep:
  sparsity: [0, 0.1, 0.2, 0.3, 0.4, 0.5]
)";

struct Sandbox {
  TempDir dir;
  std::string config = (dir.path / "sweep.yaml").string(), db = (dir.path / "x.db").string();
  explicit Sandbox(const std::string& yaml = kSweep) { std::ofstream(config) << yaml; }

  int run(const std::string& more = "", std::string* said = nullptr) const {
    const auto log = (dir.path / "log").string();
    const auto command = "BENCH_HOME=" + root().string() + " " + kEngine + " run " + config +
                         " --db " + db + " --no-report " + more + " >" + log + " 2>&1";
    const int status = std::system(command.c_str());
    if (said) *said = slurp(log);
    return WEXITSTATUS(status);
  }
  std::vector<Trial> trials() const { return Store(db, Store::Mode::ReadOnly).trials(); }
};

}  // namespace

TEST_CASE("T7: a sweep runs once; the same command again runs nothing", "[run]") {
  Sandbox s;
  std::string said;
  REQUIRE(s.run("", &said) == 0);
  CHECK(contains(said, "6 trials: 6 done (0 before), 0 failed"));
  const auto first = s.trials();
  REQUIRE(first.size() == 6);
  REQUIRE(s.run("", &said) == 0);
  CHECK(contains(said, "6 done (6 before)"));
  CHECK(s.trials()[3].finished == first[3].finished);
  CHECK(s.trials()[3].attempts == 1);
}

TEST_CASE("as many workers as asked for, more than wait when the run begins", "[run]") {
  Sandbox s;
  std::string said;
  REQUIRE(s.run("+launcher.workers=6", &said) == 0);
  CHECK(contains(said, "6 trials: 6 done (0 before), 0 failed"));
  std::set<std::string> workers;
  for (const auto& t : s.trials()) workers.insert(t.worker);
  CHECK(workers.size() > 1);
}

TEST_CASE("a number without an error is shown without one", "[run]") {
  Sandbox s("model: {name: stories260k}\ntask: {size: {name: size}}\nsparsity: 0\n");
  REQUIRE(s.run() == 0);
  const auto log = (s.dir.path / "shown").string();
  const auto command = std::string(BENCH_BIN) + "/bench show " + s.trials()[0].id + " --db " +
                       s.db + " >" + log + " 2>&1";
  REQUIRE(std::system(command.c_str()) == 0);
  CHECK(contains(slurp(log), "  260032  n=1 parameters\n"));
}

TEST_CASE("mistakes are shown all at once, before anything runs", "[run]") {
  Sandbox s(std::string(kSweep) + "spasity: 1\nallocator: {name: unifrom}\n");
  std::string said;
  CHECK(s.run("", &said) == 2);
  CHECK(contains(said, "spasity"));
  CHECK(contains(said, "did you mean sparsity?"));
  CHECK(contains(said, "unifrom"));
  CHECK(!std::filesystem::exists(s.db));
}

TEST_CASE("a time limit becomes a row with the reason, and the sweep goes on", "[run]") {
  Sandbox s;
  CHECK(s.run("+launcher.time_limit=0.001") == 1);
  int failed = 0;
  for (const auto& t : s.trials())
    if (t.state == "failed") {
      ++failed;
      CHECK(contains(t.error, "time limit"));
    }
  CHECK(failed > 0);
  for (const auto& t : s.trials()) CHECK((t.state == "failed" || t.state == "done"));
}

TEST_CASE("T8: fail chooses whether one failure stops the rest", "[run]") {
  const std::string limits = "+launcher.time_limit=0.001 +launcher.workers=1 ";
  const auto failed = [](const Sandbox& s) {
    const auto all = s.trials();
    REQUIRE(all.size() == 6);
    return std::count_if(all.begin(), all.end(), [](auto& t) { return t.state == "failed"; });
  };
  const Sandbox fast, going;
  CHECK(fast.run(limits + "+launcher.fail=fast") == 1);
  CHECK(failed(fast) == 1);
  CHECK(going.run(limits + "+launcher.fail=keep_going") == 1);
  CHECK(failed(going) > 1);
  std::string said;
  CHECK(Sandbox().run("+launcher.fail=never", &said) == 2);
  CHECK(contains(said, "launcher.fail: 'never' is not one of its choices"));
}

namespace {

/// Runs a sweep with one worker, sends that a signal while it works, and waits for the run's end.
int shoot(const Sandbox& s, const std::string& signal) {
  const auto log = (s.dir.path / "log").string();
  const auto command =
      "BENCH_HOME=" + root().string() + " " + kEngine + " run " + s.config + " --db " + s.db +
      " --no-report +launcher.workers=1 task.stories.windows=20 2>" + log +
      " & run=$!; for i in $(seq 400); do worker=$(cat /proc/$run/task/$run/children); "
      "grep -q running <(" BENCH_BIN "/bench list --db " +
      s.db + " 2>&1) && break; sleep 0.02; done; kill -" + signal + " $worker; wait $run";
  std::ofstream(s.dir.path / "try.sh") << command;
  return WEXITSTATUS(std::system(("bash " + (s.dir.path / "try.sh").string()).c_str()));
}

/// Every number and hash of a database, by trial.
std::string numbers(const std::string& db) {
  const Store store(db, Store::Mode::ReadOnly);
  std::string all;
  for (const auto& t : store.trials()) {
    const auto o = store.outcome(t.id);
    all += t.id + "\n";
    for (const auto& m : o.metrics) all += fmt::format("{} {} {}\n", m.task, m.name, m.value);
    for (const auto& [name, hash] : o.hashes) all += name + " " + hash + "\n";
  }
  return all;
}

/// The steps of the ladder against a want of memory that were taken, over all trials.
std::string steps(const std::string& db) {
  const Store store(db, Store::Mode::ReadOnly);
  std::string all;
  for (const auto& t : store.trials())
    for (const auto& [name, value] : store.outcome(t.id).notes)
      if (name == "memory") all += value;
  return all;
}

}  // namespace

TEST_CASE("T10: a worker that crashes ends its own trial only", "[run]") {
  const Sandbox s;
  CHECK(shoot(s, "SEGV") == 1);
  const auto all = s.trials();
  CHECK(std::count_if(all.begin(), all.end(), [](auto& t) { return t.state == "done"; }) == 5);
  for (const auto& t : all)
    if (t.state != "done") CHECK(contains(t.error, "ended by signal 11"));
}

TEST_CASE("a trial whose worker was killed runs again with little memory", "[run]") {
  const Sandbox s, untouched;
  CHECK(shoot(s, "KILL") == 0);
  CHECK(contains(steps(s.db), "its worker was killed: again with batch_tokens=64"));
  REQUIRE(untouched.run("+launcher.workers=1 task.stories.windows=20") == 0);
  CHECK(steps(untouched.db).empty());
  CHECK(numbers(s.db) == numbers(untouched.db));
}

TEST_CASE("a real shortage of memory: smaller batches, the same numbers", "[run]") {
  // The limit that is too small for large batches and enough for small ones depends on the machine:
  // it is looked for from above.
  const Sandbox s, plenty;
  const std::string words =
      " +launcher.workers=1 task.stories.windows=1200 "
      "+task.stories.window=128 sparsity=0.5 "
      "+batch_tokens=200000";
  REQUIRE(plenty.run(words) == 0);
  for (int megabytes = 1200;
       megabytes >= 400 && (!std::filesystem::exists(s.db) || steps(s.db).empty());
       megabytes -= 60) {
    std::filesystem::remove(s.db);
    std::system(("ulimit -v " + std::to_string(megabytes * 1024) +
                 "; OMP_NUM_THREADS=1 BENCH_HOME=" + root().string() + " " + kEngine + " run " +
                 s.config + words + " --no-report --db " + s.db + " >" +
                 (s.dir.path / "log").string() + " 2>&1")
                    .c_str());
  }
  CHECK(contains(steps(s.db), "out of memory at batch_tokens=200000: again with 50000"));
  CHECK(numbers(s.db) == numbers(plenty.db));
}

TEST_CASE("kills at random moments lose no row and double none", "[run][kill]") {
  const int kills = std::getenv("BENCH_KILLS") ? std::atoi(std::getenv("BENCH_KILLS")) : 8;
  const int trials = 4 * kills;  // a run lives for a few of them: nearly every kill meets work
  std::string list;
  for (int i = 0; i < trials; ++i) list += fmt::format("{}{}", i ? ", " : "", 0.9 * i / trials);
  Sandbox s(fmt::format("{}  sparsity: [{}]\n",
                        std::string(kSweep).substr(0, std::string(kSweep).rfind("  sparsity")),
                        list));
  std::mt19937 random(7);
  int met = 0;
  const auto finished = [&] {
    if (!std::filesystem::exists(s.db)) return false;
    const auto all = Store(s.db).trials();
    return !all.empty() &&
           std::all_of(all.begin(), all.end(), [](const Trial& t) { return t.state == "done"; });
  };
  for (int k = 0; k < kills && !finished(); ++k, ++met) {
    const pid_t pid = fork();
    if (pid == 0) {
      setenv("BENCH_HOME", root().c_str(), 1);
      if (!freopen("/dev/null", "w", stderr)) _exit(1);
      execl(kEngine.c_str(), kEngine.c_str(), "run", s.config.c_str(), "--db", s.db.c_str(),
            "--no-report", static_cast<char*>(nullptr));
      _exit(127);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50 + random() % 900));
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  REQUIRE(s.run() == 0);
  WARN(met << " of " << kills << " kills met an unfinished sweep of " << trials << " trials");
  const Store store(s.db, Store::Mode::ReadOnly);
  const auto all = store.trials();
  REQUIRE(all.size() == static_cast<size_t>(trials));
  for (const auto& t : all) {
    CHECK(t.state == "done");
    CHECK(store.outcome(t.id).metrics.size() == 1);
  }
  CHECK(store.metrics().size() == static_cast<size_t>(trials));
}

TEST_CASE("NaN weights: a row with its reason; truncated weights: the plan says it", "[run]") {
  Sandbox s;
  const auto model = s.dir.path / "broken";
  std::filesystem::copy(root() / "data/models/stories260k", model);
  const auto weights = model / "model.safetensors";
  std::filesystem::permissions(weights, std::filesystem::perms::owner_all);
  auto bytes = slurp(weights);
  std::string nan(bytes);
  for (size_t i = nan.size() - 4; i < nan.size(); ++i) nan[i] = '\xff';
  std::ofstream(weights, std::ios::binary) << nan;
  CHECK(s.run("model.name=broken +model.path=" + model.string()) == 1);
  for (const auto& t : s.trials()) CHECK(contains(t.error, "NaN"));
  std::ofstream(weights, std::ios::binary) << bytes.substr(0, bytes.size() / 2);
  const auto rows = s.trials().size();
  std::string said;
  CHECK(s.run("model.name=cut +model.path=" + model.string(), &said) == 2);
  CHECK(contains(said, "truncated"));
  CHECK(s.trials().size() == rows);
}

TEST_CASE("a tokenizer that does not fit its model: a row with the reason", "[run]") {
  Sandbox s;
  const auto model = s.dir.path / "mixed";
  std::filesystem::copy(root() / "data/models/stories260k", model);
  // 2,048 pieces over 512 embeddings.
  std::filesystem::remove(model / "tokenizer.model");
  std::filesystem::copy(root() / "data/models/opt-ts-1m/tokenizer.json", model / "tokenizer.json");
  CHECK(s.run("model.name=mixed +model.path=" + model.string()) == 1);
  REQUIRE(s.trials().size() == 6);
  for (const auto& t : s.trials()) {
    CHECK(t.state == "failed");
    CHECK(contains(t.error, "tokenizer"));
  }
}

TEST_CASE("a database that is none, or cannot be opened, is one sentence and stays as it is",
          "[run]") {
  const Sandbox s;
  std::ofstream(s.db) << "this is a letter, not a database";
  std::string said;
  CHECK(s.run("", &said) != 0);
  CHECK(contains(said, s.db));
  CHECK(slurp(s.db) == "this is a letter, not a database");
  const Sandbox folder;
  std::filesystem::create_directory(folder.db);
  CHECK(folder.run("", &said) != 0);
  CHECK(contains(said, folder.db));
}

TEST_CASE("a full disk loses no row: the same command finishes when there is room", "[run]") {
  // A file size limit stands for the full disk: writing the database fails in the same place.
  const Sandbox s;
  REQUIRE(s.run("sparsity=0.1") == 0);
  const auto blocks = std::filesystem::file_size(s.db) / 1024 + 4;
  const auto log = (s.dir.path / "full").string();
  const auto command = "ulimit -f " + std::to_string(blocks) +
                       "; trap '' XFSZ; BENCH_HOME=" + root().string() + " " + kEngine + " run " +
                       s.config + " --db " + s.db + " --no-report >" + log + " 2>&1";
  std::ofstream(s.dir.path / "try.sh") << command;
  const int status = std::system(("bash " + (s.dir.path / "try.sh").string()).c_str());
  CHECK(WEXITSTATUS(status) != 0);
  CHECK(contains(slurp(log), s.db));
  REQUIRE(s.run() == 0);
  const auto all = s.trials();
  CHECK(all.size() == 6);
  for (const auto& t : all) CHECK(t.state == "done");
}

TEST_CASE("two runs at once on one database share the work", "[run]") {
  const Sandbox s;
  std::thread other([&] { CHECK(s.run() == 0); });
  const Sandbox& same = s;
  const auto log = (s.dir.path / "second").string();
  const auto command = "BENCH_HOME=" + root().string() + " " + kEngine + " run " + same.config +
                       " --db " + same.db + " --no-report >" + log + " 2>&1";
  const int status = std::system(command.c_str());
  other.join();
  CHECK(WEXITSTATUS(status) == 0);
  const Store store(s.db, Store::Mode::ReadOnly);
  const auto all = store.trials();
  REQUIRE(all.size() == 6);
  for (const auto& t : all) {
    CHECK(t.state == "done");
    CHECK(t.attempts == 1);
  }
  CHECK(store.metrics().size() == 6);
}
