#include "results/store.h"

#include <sqlite3.h>

#include <cmath>
#include <cstring>

#include "results/sqlite.h"
#include "results/store_cases.h"
#include "test.h"

using namespace bench;
using namespace bench::test;

TEST_CASE("a ledger gives back what was submitted", "[results]") {
  TempDir folder;
  Store store(folder.path / "a.db");
  auto specs = some_specs(3);
  specs[1].model = std::string("x'); DROP TABLE trial;--\0\x1b[31m<script>", 37);
  specs[1].config = "{\"quote\": \"\xc3\xa9 \xff\"}";
  REQUIRE(store.submit(specs).added == 3);
  auto more = some_specs(5);
  more[1] = specs[1];
  REQUIRE(store.submit(more).added == 2);
  const auto trials = store.trials();
  REQUIRE(trials.size() == 5);
  for (size_t i = 0; i < 5; ++i) CHECK(trials[i].number == static_cast<int64_t>(i) + 1);
  CHECK(trials[1].model == specs[1].model);
  CHECK(trials[1].config == specs[1].config);
  CHECK(trials[0].state == "pending");
  CHECK(trials[0].submitted > 1e9);
  CHECK(trials[2].sparsity == 0.5);
  CHECK(trials[2].time_limit == 7);
}

TEST_CASE("a trial is found by its id or the beginning of it", "[results]") {
  TempDir folder;
  Store store(folder.path / "a.db");
  TrialSpec a, b;
  a.id = "abc1";
  b.id = "abc12";
  store.submit({a, b});
  CHECK(store.trial("abc1")->number == 1);  // a whole id is no ambiguous prefix
  CHECK(store.trial("abc12")->number == 2);
  CHECK(!store.trial("x%"));
  CHECK(!store.trial("ABC1"));
  CHECK(contains(error_of([&] { store.trial("abc"); }), "abc1, abc12"));
  CHECK(contains(error_of([&] { store.outcome("nope"); }), "no trial 'nope'"));
}

TEST_CASE("claim prefers the share key, then the order of submission", "[results]") {
  TempDir folder;
  Store store(folder.path / "a.db");
  auto specs = some_specs(4);
  specs[2].share_key = "other";
  store.submit(specs);
  Store::Wish wish{ids_of(specs), "w", "other", 60, false, 0};
  CHECK(store.claim(wish)->id == specs[2].id);
  const auto next = store.claim(wish);
  CHECK(next->id == specs[0].id);
  CHECK(next->state == "running");
  CHECK(next->attempts == 1);
  CHECK(next->worker == "w");
  CHECK(next->started > 1e9);
  wish.ids = {specs[3].id, "unknown", "it's \" hostile"};
  CHECK(store.claim(wish)->id == specs[3].id);
  CHECK(!store.claim(wish));
}

TEST_CASE("an outcome comes back as it was written", "[results]") {
  TempDir folder;
  Store store(folder.path / "a.db");
  const auto specs = some_specs(1);
  store.submit(specs);
  store.claim({ids_of(specs), "w", "", 60, false, 0});
  const Outcome out = some_outcome();
  REQUIRE(store.finish(specs[0].id, "w", out));
  const Outcome in = store.outcome(specs[0].id);
  REQUIRE(in.metrics.size() == 2);
  CHECK(in.metrics[0].task == out.metrics[0].task);
  CHECK(in.metrics[0].value == out.metrics[0].value);
  CHECK(in.metrics[0].higher_is_better == false);
  CHECK(in.metrics[0].items == out.metrics[0].items);
  CHECK(in.metrics[0].items_hash == "h");
  CHECK(std::isnan(in.metrics[1].value));
  CHECK(std::isnan(in.metrics[1].stderr_));
  CHECK(in.phases.at(0).peak_rss == int64_t{1} << 40);
  CHECK(in.phases.at(0).method == "getrusage");
  CHECK(in.sparsity.at(1).name == "layer.0");
  CHECK(in.sparsity.at(1).zeros == 6);
  CHECK(in.verdicts.at(1).detail == "it's \"broken\"\n");
  CHECK(in.hashes == out.hashes);
  CHECK(in.notes == out.notes);
  CHECK(in.environment == out.environment);
  const Outcome light = store.outcome_without_items(specs[0].id);
  CHECK(light.metrics[0].items.empty());
  CHECK(light.metrics[0].items_hash == "h");
  CHECK(store.metrics().size() == 2);
  CHECK(store.metrics()[1].trial == specs[0].id);
  REQUIRE(store.broken_verdicts().size() == 1);
  CHECK(store.broken_verdicts()[0].verdict.rule == "masked weights are zero");
  REQUIRE(store.model_sparsity().size() == 1);
  CHECK(store.model_sparsity()[0].sparsity.masked == 5);
}

TEST_CASE("a finished trial is never touched again", "[results]") {
  TempDir folder;
  Store store(folder.path / "a.db");
  const auto specs = some_specs(1);
  store.submit(specs);
  Store::Wish wish{ids_of(specs), "w", "", 60, true, 1e18};
  store.claim(wish);
  CHECK(!store.finish(specs[0].id, "someone else", {}));
  REQUIRE(store.finish(specs[0].id, "w", some_outcome()));
  CHECK(!store.finish(specs[0].id, "w", some_outcome()));
  CHECK(!store.fail(specs[0].id, "w", "late"));
  CHECK(!store.heartbeat(specs[0].id, "w", 60));
  CHECK(store.release("w") == 0);
  CHECK(!store.claim(wish));
  CHECK(store.trials()[0].state == "done");
  CHECK(store.metrics().size() == 2);
}

TEST_CASE("a row that cannot be written leaves nothing of its trial", "[results]") {
  TempDir folder;
  Store store(folder.path / "a.db");
  const auto specs = some_specs(1);
  store.submit(specs);
  store.claim({ids_of(specs), "w", "", 60, false, 0});
  Outcome twice = some_outcome();
  twice.metrics.push_back(twice.metrics[0]);
  CHECK(contains(error_of([&] { store.finish(specs[0].id, "w", twice); }), "UNIQUE"));
  CHECK(store.trials()[0].state == "running");
  CHECK(store.metrics().empty());
  CHECK(store.finish(specs[0].id, "w", some_outcome()));
}

TEST_CASE("failed trials are tried again once per run", "[results]") {
  TempDir folder;
  Store store(folder.path / "a.db");
  const auto specs = some_specs(1);
  store.submit(specs);
  Store::Wish wish{ids_of(specs), "w", "", 60, false, 0};
  store.claim(wish);
  REQUIRE(store.fail(specs[0].id, "w", "out of memory"));
  CHECK(store.trials()[0].error == "out of memory");
  const double failed = store.trials()[0].finished;
  CHECK(!store.claim(wish));
  wish.retry_failed = true;
  wish.since = failed;
  CHECK(!store.claim(wish));
  wish.since = failed + 0.001;
  const auto again = store.claim(wish);
  REQUIRE(again);
  CHECK(again->attempts == 2);
  CHECK(again->error.empty());
}

TEST_CASE("a lease that ran out goes to another worker", "[results]") {
  TempDir folder;
  const std::string path = folder.path / "a.db";
  Store one(path), two(path);
  const auto specs = some_specs(1);
  one.submit(specs);
  REQUIRE(one.claim({ids_of(specs), "one", "", 60, false, 0}));
  CHECK(!two.claim({ids_of(specs), "two", "", 60, false, 0}));
  REQUIRE(one.heartbeat(specs[0].id, "one", -1));  // runs out now
  const auto taken = two.claim({ids_of(specs), "two", "", 60, false, 0});
  REQUIRE(taken);
  CHECK(taken->attempts == 2);
  CHECK(!one.heartbeat(specs[0].id, "one", 60));
  CHECK(!one.finish(specs[0].id, "one", some_outcome()));
  CHECK(!one.fail(specs[0].id, "one", "x"));
  CHECK(two.release("two") == 1);
  CHECK(one.trials()[0].state == "interrupted");
  CHECK(one.claim({ids_of(specs), "one", "", 60, false, 0}));
  CHECK(one.finish(specs[0].id, "one", some_outcome()));
  CHECK(two.metrics().size() == 2);
}

TEST_CASE("what is no ledger is refused in one sentence", "[results]") {
  TempDir folder;
  const std::string path = folder.path / "a.db";
  const auto opening = [&](Store::Mode mode) { return error_of([&] { Store store(path, mode); }); };
  CHECK(contains(opening(Store::Mode::ReadOnly), "no such database"));
  CHECK(contains(error_of([&] { Store s(folder.path / "no" / "a.db"); }), "does not exist"));
  CHECK(contains(error_of([&] { Store s(folder.path); }), "is a folder"));
  CHECK(contains(error_of([] { Store s("/proc/bench.db"); }), "cannot be opened"));
  SECTION("garbage") {
    std::ofstream(path) << std::string(5000, 'x');
    CHECK(contains(opening(Store::Mode::ReadWrite), "not an SQLite database"));
    CHECK(contains(opening(Store::Mode::ReadOnly), "not an SQLite database"));
  }
  SECTION("empty") {
    std::ofstream(path) << "";
    CHECK(contains(opening(Store::Mode::ReadOnly), "empty database"));
    CHECK(opening(Store::Mode::ReadWrite).empty());
    CHECK(opening(Store::Mode::ReadOnly).empty());
  }
  SECTION("somebody else's") {
    sqlite::Connection(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)
        .execute("CREATE TABLE trial (x)");
    CHECK(contains(opening(Store::Mode::ReadWrite), "no ledger of bench"));
  }
  SECTION("newer") {
    { Store store(path); }
    sqlite::Connection(path, SQLITE_OPEN_READWRITE).execute("PRAGMA user_version = 99");
    CHECK(contains(opening(Store::Mode::ReadWrite), "newer bench (schema 99"));
    CHECK(contains(opening(Store::Mode::ReadOnly), "newer bench (schema 99"));
  }
  SECTION("cut short") {
    { Store store(path); }
    std::filesystem::resize_file(path, 5000);
    CHECK(contains(opening(Store::Mode::ReadOnly), "damaged"));
  }
}

TEST_CASE("a read-only store writes nothing", "[results]") {
  TempDir folder;
  const std::string path = folder.path / "a.db";
  { Store(path).submit(some_specs(2)); }
  Store store(path, Store::Mode::ReadOnly);
  CHECK(store.trials().size() == 2);
  CHECK(contains(error_of([&] { store.submit(some_specs(3)); }), "cannot be written"));
}

TEST_CASE("a full disk is one sentence, and what was there stays", "[results]") {
  TempDir folder;
  const std::string path = folder.path / "a.db";
  sqlite::Connection db(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  db.execute("CREATE TABLE t (x); INSERT INTO t VALUES (1); PRAGMA max_page_count = 10");
  const auto fill = [&] {
    sqlite::Transaction transaction(db);
    auto insert = db.prepare("INSERT INTO t VALUES (?1)");
    for (int i = 0; i < 100; ++i) insert.with(std::string(4000, 'x')).run();
    transaction.commit();
  };
  CHECK(contains(error_of(fill), "the disk is full"));
  CHECK(db.number("SELECT count(*) FROM t") == 1);
}
