#include "results/forecast.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "results/store.h"
#include "test.h"

using namespace bench;
using bench::test::TempDir;

namespace {

TrialSpec spec(const std::string& id, const std::string& method, const std::string& pattern,
               const std::string& tasks = "a") {
  TrialSpec t;
  t.id = id;
  t.config = "{}";
  t.identity = "{\"tasks\": {\"" + tasks + "\": {}}}";
  t.model = "m";
  t.method = method;
  t.pattern = pattern;
  t.sparsity = 0.5;
  return t;
}

void run(Store& store, const TrialSpec& t, const std::string& cpu, int64_t memory) {
  store.submit({t});
  Store::Wish wish;
  wish.ids = {t.id};
  wish.worker = "w";
  REQUIRE(store.claim(wish));
  Outcome o;
  o.environment = {{"device", "cpu"}, {"cpu", cpu}};
  PhaseRow phase;
  phase.phase = "prune";
  phase.peak_rss = memory;
  o.phases = {phase};
  REQUIRE(store.finish(t.id, wish.worker, o));
}

}  // namespace

TEST_CASE("the next value lies in its range in four of five cases", "[forecast]") {
  std::mt19937 random(3);
  // Times of trials scatter by factors, not by seconds; one in ten of them met a busy machine.
  std::lognormal_distribution<double> time(0, 0.15);
  for (const size_t n : {1, 2, 3, 5, 8, 9, 20, 100}) {
    int inside = 0;
    constexpr int kRounds = 4000;
    for (int i = 0; i < kRounds; ++i) {
      std::vector<double> values(n + 1);
      for (auto& v : values) v = time(random) * (random() % 10 == 0 ? 1.5 : 1);
      const double next = values.back();
      values.pop_back();
      const auto range = expected_range(values);
      CHECK(range.low <= range.middle);
      CHECK(range.middle <= range.high);
      inside += range.low <= next && next <= range.high;
    }
    INFO(n << " values");
    CHECK(inside >= 0.8 * kRounds - 60);  // two standard deviations of the count, and a little
  }
}

TEST_CASE("ranges of a few values are wider than what was seen", "[forecast]") {
  const auto one = expected_range({10});
  CHECK(one.low == 5);
  CHECK(one.middle == 10);
  CHECK(one.high == 20);
  const auto two = expected_range({10, 20});
  CHECK(two.low == 10 / 1.5);
  CHECK(two.middle == 15);
  CHECK(two.high == 30);
  const auto nine = expected_range({9, 1, 2, 3, 4, 5, 6, 7, 8});
  CHECK(nine.low == 1);
  CHECK(nine.middle == 5);
  CHECK(nine.high == 9);
}

TEST_CASE("a forecast knows the machine, and what was never measured", "[forecast]") {
  const TempDir dir;
  const auto db = (dir.path / "x.db").string();
  {
    Store store(db);
    run(store, spec("1", "wanda", "x"), "zen", 100);
    run(store, spec("2", "wanda", "x"), "zen", 200);
    run(store, spec("3", "wanda", "2:4"), "zen", 400);
    run(store, spec("4", "obs", "x"), "other", 9000);
    store.submit({spec("5", "wanda", "x")});  // not done
  }
  const History here(db, "cpu", "zen");
  CHECK(here.trials() == 3);
  CHECK(here.bytes_a_trial() > 0);
  CHECK(here.of(spec("6", "wanda", "x"))->memory.middle == 150);
  CHECK(here.of(spec("6", "wanda", "channels"))->memory.middle == 200);  // the method's
  CHECK(here.of(spec("6", "random", "x"))->memory.middle == 200);        // the model's
  CHECK(!here.of(spec("6", "wanda", "x", "other_tasks")));
  const auto more = spec("6", "wanda", "x"), unknown = spec("7", "wanda", "x", "other_tasks");
  const auto all = forecast({&more, &more, &unknown}, here);
  CHECK(all.trials == 3);
  CHECK(all.unknown == 1);
  CHECK(all.memory == 300);  // 200 and half of it beside
  CHECK(all.seconds.low <= all.seconds.middle);
  CHECK(all.seconds.middle <= all.seconds.high);
  CHECK(History(db, "cuda", "zen").trials() == 0);
  CHECK(History(db, "cpu", "nothing").trials() == 0);
}

TEST_CASE("an older ledger makes no forecast, and stays as it is", "[forecast]") {
  const auto old = bench::test::root() / "tests/results/ledgers/schema1.db";
  const auto before = bench::test::slurp(old);
  CHECK(History(old.string(), "cpu", "zen").trials() == 0);
  CHECK(bench::test::slurp(old) == before);
}
