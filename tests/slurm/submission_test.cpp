#include "slurm/submission.h"

#include <sys/stat.h>

#include "results/store.h"
#include "slurm/status.h"
#include "test.h"

using namespace bench;
using bench::test::contains;
using bench::test::error_of;
using bench::test::TempDir;

namespace {

TrialSpec spec(const std::string& id) {
  TrialSpec t;
  t.id = id;
  t.config = t.identity = "{}";
  t.model = "m";
  t.method = "w";
  t.pattern = "unstructured";
  t.sparsity = 0.5;
  return t;
}

/// A ledger of four trials, two elements of two.
struct Handed {
  TempDir dir;
  std::string db = (dir.path / "x.db").string();
  slurm::Submission s;
  Handed() {
    s.folder = (dir.path / "12").string();
    s.db = db;
    s.job = 12;
    s.elements = 2;
    s.merge = 13;
    s.files = {{"/a", "1:2", "abc"}};
    std::filesystem::create_directories(s.folder);
    Store(db).submit({spec("a"), spec("b"), spec("c"), spec("d")});
    slurm::freeze({spec("a"), spec("c")}, slurm::shard_of(s, 0));
    slurm::freeze({spec("b"), spec("d")}, slurm::shard_of(s, 1));
    slurm::write_submission(s, s.folder);
    slurm::list_submission(s);
  }
  /// Works on a shard as an element does; the trial's only metric is `value`.
  void finish(int64_t element, const std::string& id, double value, bool fails = false) const {
    const auto local = (dir.path / "local.db").string();
    std::filesystem::copy_file(slurm::shard_of(s, element), local);
    {
      Store store(local);
      Store::Wish wish;
      wish.ids = {id};
      wish.worker = "node:1:2";
      REQUIRE(store.claim(wish));
      Outcome o;
      o.code = "{}";
      o.metrics.push_back({"t", "p", "ppl", value});
      if (fails)
        store.fail(id, wish.worker, "it broke");
      else
        store.finish(id, wish.worker, o);
    }
    slurm::publish(local, slurm::shard_of(s, element));
    for (const char* end : {"", "-wal", "-shm"}) std::filesystem::remove(local + end);
  }
  std::string states() const {
    std::string all;
    for (const auto& t : Store(db, Store::Mode::ReadOnly).trials())
      all += t.id + ":" + t.state + " ";
    return all;
  }
};

const std::vector<slurm::Queued> kBothRun{{12, 0, "RUNNING", "None", "0:10"},
                                          {12, 1, "PENDING", "Resources", "0:00"}};

const std::vector<slurm::Queued> kNobody;

}  // namespace

TEST_CASE("a submission is found again from its ledger", "[submission]") {
  const Handed h;
  const auto all = slurm::submissions_of(h.db);
  REQUIRE(all.size() == 1);
  CHECK(all[0].folder == h.s.folder);
  CHECK(all[0].job == 12);
  CHECK(all[0].merge == 13);
  CHECK(all[0].elements == 2);
  REQUIRE(all[0].files.size() == 1);
  CHECK(all[0].files[0].digest == "abc");
  slurm::list_submission(h.s);  // twice: once
  CHECK(slurm::submissions_of(h.db).size() == 1);
  CHECK(slurm::submissions_of((h.dir.path / "other.db").string()).empty());
  std::ofstream(std::filesystem::path(h.s.folder) / "submission.json") << "{\"job\": \"x\"}";
  CHECK(contains(error_of([&] { slurm::submissions_of(h.db); }), "submission.json: is not there"));
  std::filesystem::remove_all(h.s.folder);
  CHECK(slurm::submissions_of(h.db).empty());
}

TEST_CASE("shards come into the ledger as they grow, and once", "[submission]") {
  const Handed h;
  h.finish(0, "a", 1);
  slurm::gather({h.s}, kBothRun);
  CHECK(h.states() == "a:done b:pending c:pending d:pending ");
  CHECK(!slurm::is_merged(h.s));
  h.finish(1, "d", 4);
  h.finish(1, "b", 2, true);
  slurm::gather({h.s}, std::nullopt);  // a machine without Slurm
  CHECK(!slurm::is_merged(h.s));
  slurm::gather({h.s}, kNobody);
  CHECK(h.states() == "a:done b:failed c:pending d:done ");
  CHECK(slurm::is_merged(h.s));
  const Store store(h.db, Store::Mode::ReadOnly);
  CHECK(store.outcome("d").metrics.at(0).value == 4);
  CHECK(store.history("a").empty());
}

TEST_CASE("what has been merged does not come back over a newer measurement", "[submission]") {
  const Handed h;
  h.finish(0, "a", 1);
  slurm::gather({h.s}, kNobody);
  Store(h.db).submit({spec("a")}, Store::Renew::Everything);
  slurm::gather({h.s}, kNobody);
  CHECK(contains(h.states(), "a:pending"));
}

TEST_CASE("a shard beside a reader is one file, whole at any time", "[submission]") {
  const Handed h;
  const Store reader(slurm::shard_of(h.s, 0), Store::Mode::ReadOnly);
  h.finish(0, "a", 1);
  CHECK(reader.trials().at(0).state == "pending");  // as it was opened
  CHECK(Store(slurm::shard_of(h.s, 0), Store::Mode::ReadOnly).trials().at(0).state == "done");
  for (const auto& f : std::filesystem::directory_iterator(h.s.folder)) {
    const auto name = f.path().filename().string();
    CHECK((name == "submission.json" || name == "shard-0.db" || name == "shard-1.db"));
  }
}

TEST_CASE("only what elements in the queue have not ended is in flight", "[submission]") {
  const Handed h;
  h.finish(0, "a", 1);
  using Ids = std::vector<std::string>;
  CHECK(slurm::in_flight({h.s}, kBothRun) == Ids{"c", "b", "d"});
  CHECK(slurm::in_flight({h.s}, {kBothRun[1]}) == Ids{"b", "d"});
  CHECK(slurm::in_flight({h.s}, {{12, -1, "PENDING", "", ""}, {13, 0, "RUNNING", "", ""}}).empty());
}

TEST_CASE("time limits are counted, and the last to begin owns a shard", "[submission]") {
  const Handed h;
  CHECK(slurm::timeouts_of(h.s, 0) == 0);
  slurm::count_timeout(h.s, 0);
  slurm::count_timeout(h.s, 0);
  CHECK(slurm::timeouts_of(h.s, 0) == 2);
  CHECK(slurm::timeouts_of(h.s, 1) == 0);
  slurm::own(h.s, 0, "first");
  CHECK(slurm::owns(h.s, 0, "first"));
  slurm::own(h.s, 0, "second");
  CHECK(!slurm::owns(h.s, 0, "first"));
}

TEST_CASE("status tells each element, and says where the queue is not known", "[submission]") {
  const Handed h;
  h.finish(0, "a", 1);
  const std::string path = std::getenv("PATH");
  setenv("PATH", "/nowhere", 1);
  auto text = slurm::as_text(slurm::standing_of(h.db));
  setenv("PATH", path.c_str(), 1);
  CHECK(contains(text, "4 trials, 0 done, 0 failed, 4 to do\n"));
  CHECK(contains(text, "the queue is not known: squeue is not in PATH"));
  CHECK(contains(text, "job 12: not known; 1 of 4 trials done"));
  const auto fake = [&](const std::string& name, const std::string& script) {
    std::ofstream(h.dir.path / name) << "#!/bin/sh\n" << script << "\n";
    std::filesystem::permissions(h.dir.path / name, std::filesystem::perms::owner_all);
  };
  for (const char* name : {"sbatch", "scontrol"}) fake(name, "exit 1");
  fake("squeue", "echo '12|0|RUNNING|0:10|None'; echo '13|N/A|PENDING|0:00|Dependency'");
  setenv("PATH", (h.dir.path.string() + ":" + path).c_str(), 1);
  text = slurm::as_text(slurm::standing_of(h.db));
  const auto json = slurm::as_json(slurm::standing_of(h.db));
  fake("squeue", "echo 'no controller' >&2; exit 1");
  const auto silent = slurm::as_text(slurm::standing_of(h.db));
  setenv("PATH", path.c_str(), 1);
  CHECK(contains(text, "job 12: in the queue; 1 of 4 trials done"));
  CHECK(contains(text, "12_0       RUNNING"));
  CHECK(contains(text, "12_1       ended early"));
  CHECK(contains(json, "\"in_queue\": true"));
  CHECK(contains(silent, "the queue is not known: squeue does not answer"));
  CHECK(contains(silent, "no controller"));
}

TEST_CASE("a ledger of which nothing was handed over says so", "[submission]") {
  const TempDir dir;
  const auto db = (dir.path / "x.db").string();
  Store(db).submit({spec("a")});
  CHECK(contains(slurm::as_text(slurm::standing_of(db)), "nothing of it was handed to a cluster"));
}
