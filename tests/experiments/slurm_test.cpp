// launcher=slurm beside programs that stand for Slurm's: what is submitted, taken back and merged,
// and what an element does. The real Slurm: tests/slurm/check.sh.
#include <fmt/format.h>

#include <set>

#include "front/program.h"
#include "results/store.h"
#include "slurm/submission.h"
#include "test.h"

using namespace bench;
using namespace bench::test;

namespace {

const char* const kSweep = R"(model: {name: stories260k}
task:
  stories: {name: perplexity, text: text/tinystories_sample_2MiB.txt, windows: 2}
criterion: {name: magnitude}
sparsity: 0.5
launcher: {kind: slurm, elements: 2, workers: 1}
sweep:
  sparsity: [0, 0.1, 0.2, 0.3, 0.4, 0.5]
)";

struct Cluster {
  TempDir dir;
  std::string db = at("x.db");
  std::string at(const std::string& name) const { return (dir.path / name).string(); }
  explicit Cluster(const std::string& yaml = kSweep) {
    std::ofstream(at("sweep.yaml")) << yaml;
    std::filesystem::create_directories(at("bin"));
    std::ofstream(at("next")) << "41";
    program("sbatch", "n=$(($(cat $at/next) + 1)); echo $n > $at/next; echo $n");
    program("squeue", "cat $at/queue");
    program("scontrol", "true");
    program("scancel", "true");
    queue("");
  }
  void program(const std::string& name, const std::string& script) const {
    std::ofstream(at("bin/" + name))
        << "#!/bin/bash\nat=" << dir.path.string() << "\necho " << name << " \"$@\" >> $at/told\n"
        << script << "\n";
    std::filesystem::permissions(at("bin/" + name), std::filesystem::perms::owner_all);
  }
  void queue(const std::string& lines) const { std::ofstream(at("queue")) << lines; }
  /// Both elements of a job are in the queue.
  void queue_of(int job) const {
    queue(fmt::format("{0}|0|RUNNING|0:01|None\n{0}|1|PENDING|0:00|Priority\n", job));
  }
  Ran shell(const std::string& line, const std::string& path = "") const {
    std::ofstream(at("line.sh")) << "cd " << dir.path.string()
                                 << "\nexport BENCH_HOME=" << root().string()
                                 << " PATH=" << (path.empty() ? at("bin") + ":$PATH" : path) << "\n"
                                 << line << "\n";
    return test::run(at("line.sh"), "/bin/bash");
  }
  Ran run(const std::string& more = "") const {
    return shell(BENCH_BIN "/bench run sweep.yaml --db x.db --no-report " + more);
  }
  Ran element(int job, int number) const {
    return shell(fmt::format("{}/bench-engine element {} {}", BENCH_BIN, folder(job), number));
  }
  std::string folder(int job) const { return at(fmt::format("out/slurm/{}", job)); }
  std::string told() const { return slurp(dir.path / "told"); }
  std::vector<Trial> trials(const std::string& file) const {
    return Store(file, Store::Mode::ReadOnly).trials();
  }
  int64_t done(const std::string& file) const {
    int64_t count = 0;
    for (const auto& t : trials(file)) count += t.state == "done";
    return count;
  }
};

}  // namespace

TEST_CASE("a machine without Slurm says so in one sentence", "[slurm_run]") {
  const Cluster c;
  const auto ran = c.shell(BENCH_BIN "/bench run sweep.yaml --db x.db", "/nowhere");
  CHECK(ran.code == 2);
  CHECK(ran.output ==
        "bench: launcher.kind=slurm: sbatch, squeue and scontrol are not in PATH, so there is no "
        "Slurm on this machine; give the command where jobs are submitted, or launcher=local\n");
  CHECK(!std::filesystem::exists(c.db));
}

TEST_CASE("the launcher's kind chooses its keys", "[slurm_run]") {
  const Cluster c;
  CHECK(contains(c.run("launcher.kind=local").output, "launcher.elements: unknown key"));
  CHECK(contains(c.run("launcher.kind=slrum").output,
                 "launcher.kind: 'slrum' is not one of its choices; did you mean slurm?"));
  CHECK(contains(c.run("+launcher.partitoin=x").output, "did you mean partition?"));
  const auto both = c.run("+launcher.folder=out +launcher.fail=never").output;
  CHECK(contains(both, "launcher.fail: 'never'"));
  CHECK(contains(c.run("+launcher.folder=out").output, "launcher.folder: 'out' holds no %j"));
  CHECK(!std::filesystem::exists(c.at("told")));
}

TEST_CASE("a sweep is submitted once, worked on, and merged by the same command", "[slurm_run]") {
  const Cluster c;
  auto ran = c.run();
  CHECK(ran.code == 0);
  INFO(ran.output);
  CHECK(contains(ran.output, "job 42: 6 of 6 trials in 2 elements; " + c.folder(42)));
  CHECK(contains(c.told(), "sbatch --parsable --hold "));
  CHECK(contains(c.told(), "sbatch --parsable --dependency=afterany:42 "));
  CHECK(contains(c.told(), "scontrol release 42\n"));
  CHECK(!contains(c.told(), "scancel"));
  std::set<std::string> ids;
  for (int k : {0, 1}) {
    const auto share = c.trials(fmt::format("{}/shard-{}.db", c.folder(42), k));
    CHECK(share.size() == 3);
    for (const auto& t : share) {
      ids.insert(t.id);
      CHECK(t.state == "pending");
    }
  }
  CHECK(ids.size() == 6);
  CHECK(c.trials(c.db).size() == 6);

  c.queue_of(42);
  ran = c.run();
  CHECK(ran.code == 0);
  CHECK(contains(ran.output, "nothing to submit: what is not done is in the queue, as job 42"));
  CHECK(contains(c.run("--again").output, "--again: job 42 of x.db is in the queue"));

  CHECK(c.element(42, 0).code == 0);
  CHECK(c.done(c.folder(42) + "/shard-0.db") == 3);
  CHECK(c.done(c.db) == 0);
  ran = c.run();
  CHECK(contains(ran.output, "as job 42"));
  CHECK(c.done(c.db) == 3);  // on its return

  c.queue("");  // element 1 is gone without a trial
  ran = c.run();
  CHECK(contains(ran.output, "job 44: 3 of 6 trials in 2 elements"));
  CHECK(c.element(44, 0).code + c.element(44, 1).code == 0);
  ran = c.run();
  CHECK(ran.code == 0);
  CHECK(contains(ran.output, "6 trials: 6 done (6 before), 0 failed"));
  const auto before = c.told();
  CHECK(contains(c.run().output, "6 done (6 before)"));
  CHECK(!contains(c.told().substr(before.size()), "sbatch"));
}

TEST_CASE("the same numbers as on this machine", "[slurm_run]") {
  const Cluster c;
  REQUIRE(c.run().code == 0);
  for (int k : {0, 1}) REQUIRE(c.element(42, k).code == 0);
  c.run();
  REQUIRE(
      c.shell(BENCH_BIN
              "/bench run sweep.yaml --db y.db --no-report launcher.kind=local ~launcher.elements")
          .code == 0);
  const Store here(c.at("y.db"), Store::Mode::ReadOnly), there(c.db, Store::Mode::ReadOnly);
  const auto one = here.trials(), two = there.trials();
  REQUIRE(one.size() == 6);
  REQUIRE(two.size() == 6);
  for (size_t i = 0; i < one.size(); ++i) {
    CHECK(one[i].id == two[i].id);
    const auto a = here.outcome(one[i].id), b = there.outcome(two[i].id);
    CHECK(a.hashes == b.hashes);
    REQUIRE(a.metrics.size() == b.metrics.size());
    for (size_t m = 0; m < a.metrics.size(); ++m) {
      CHECK(a.metrics[m].value == b.metrics[m].value);
      CHECK(a.metrics[m].items == b.metrics[m].items);
    }
  }
}

TEST_CASE("a run on this machine begins with what a cluster has found", "[slurm_run]") {
  const Cluster c;
  REQUIRE(c.run().code == 0);
  REQUIRE(c.element(42, 0).code == 0);
  c.queue("42|1|RUNNING|0:01|None\n");
  const std::string here = "launcher.kind=local ~launcher.elements";
  const auto ran = c.run(here);
  CHECK(ran.code == 0);
  CHECK(contains(ran.output, "bench: job 42 works on trials of x.db, too"));
  CHECK(contains(ran.output, "6 trials: 6 done (3 before), 0 failed"));
  REQUIRE(c.element(42, 1).code == 0);  // the same trials again: they agree
  c.queue("");
  CHECK(contains(c.run(here).output, "6 done (6 before)"));
  CHECK(slurm::is_merged(slurm::submissions_of(c.db).at(0)));
  CHECK(Store(c.db, Store::Mode::ReadOnly).broken_verdicts().empty());
}

TEST_CASE("what Slurm refuses is said, and nothing is left behind", "[slurm_run]") {
  const Cluster c;
  c.program("squeue", "echo 'Unable to contact slurm controller' >&2; exit 1");
  auto ran = c.run();
  CHECK(ran.code == 2);
  CHECK(contains(ran.output, "squeue does not answer, and nothing was changed: Unable to contact"));
  CHECK(!std::filesystem::exists(c.db));
  c.program("squeue", "true");
  c.program("sbatch", "echo 'sbatch: error: invalid partition specified: gpu' >&2; exit 1");
  ran = c.run();
  CHECK(ran.code == 2);
  CHECK(contains(ran.output, "sbatch refused the job: sbatch: error: invalid partition"));
  CHECK(std::filesystem::is_empty(c.at("out/slurm")));
  CHECK(slurm::submissions_of(c.db).empty());
  c.program("sbatch", "echo 7");
  c.program("scontrol", "echo 'Access denied' >&2; exit 1");
  ran = c.run();
  CHECK(ran.code == 2);
  CHECK(contains(ran.output, "job 7 was submitted, but not released: Access denied"));
  CHECK(contains(c.told(), "scancel 7\n"));
  CHECK(slurm::submissions_of(c.db).empty());
}

TEST_CASE("--wait ends as a run on this machine does", "[slurm_run]") {
  const Cluster c;
  c.program("scontrol",
            fmt::format("export BENCH_HOME={}; for k in 0 1; do {}/bench-engine element "
                        "$at/out/slurm/$2 $k; done 2>/dev/null",
                        root().string(), BENCH_BIN));
  const auto ran = c.run("--wait");
  INFO(ran.output);
  CHECK(ran.code == 0);
  CHECK(contains(ran.output, "6 trials: 6 done (0 before), 0 failed"));
  const Cluster lazy;  // its elements do nothing
  const auto left = lazy.run("--wait");
  CHECK(left.code == 1);
  CHECK(contains(left.output,
                 "6 trials left undone by jobs that have ended; the same command goes on"));
}

TEST_CASE("an element that another one has taken the place of writes nothing", "[slurm_run]") {
  const Cluster c;
  REQUIRE(c.run().code == 0);
  const auto s = slurm::submissions_of(c.db).at(0);
  const auto ran = c.shell(fmt::format(
      "(while [ ! -e {1}/shard-0.owner ]; do sleep 0.02; done; echo other > {1}/shard-0.owner) & "
      "{0}/bench-engine element {1} 0",
      BENCH_BIN, c.folder(42)));
  CHECK(ran.code == 2);
  CHECK(contains(ran.output, "another process works on this share now; this one ends"));
  CHECK(c.done(slurm::shard_of(s, 0)) <= 1);  // what ended before it was told
}

TEST_CASE("an element's warning gives its trial back, so often", "[slurm_run]") {
  const Cluster c(
      "model: {name: stories260k}\ntask:\n  stories: {name: perplexity, text: "
      "text/tinystories_sample_2MiB.txt, windows: 800}\ncriterion: {name: magnitude}\nsparsity: "
      "0.5\n"
      "launcher: {kind: slurm, elements: 1, workers: 1, timeout_min: 1, signal_delay_s: 30, "
      "max_num_timeout: 1}\nsweep:\n  sparsity: [0.1, 0.2]\n");
  REQUIRE(c.run().code == 0);
  const auto warned = [&](const char* signal) {
    return c.shell(fmt::format(
        "setsid {0}/bench-engine element {1} 0 2>err & job=$!; sleep 1.5; kill -{2} -- -$job; wait "
        "$job; "
        "code=$?; cat err; exit $code",
        BENCH_BIN, c.folder(42), signal));
  };
  // Its workers get it, too, as of srun. A minute's limit: this is near it.
  CHECK(warned("USR1").code == 75);
  for (const auto& t : c.trials(c.folder(42) + "/shard-0.db"))
    CHECK((t.state == "pending" || t.state == "interrupted"));
  const auto last = warned("USR1");
  CHECK(last.code == 1);
  CHECK(contains(last.output, "the time limit of 1 minutes was reached 2 times"));
  CHECK(contains(last.output, "longer launcher.timeout_min"));
  CHECK(warned("TERM").code == 143);
}
