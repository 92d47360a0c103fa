// What counts is one row an id: labels that follow, code that changed, rows of the past.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "results/schema.h"
#include "results/setting.h"
#include "results/store.h"
#include "results/store_cases.h"
#include "test.h"

using namespace bench;
using namespace bench::test;

namespace {

TrialSpec one_spec(const std::string& code) {
  auto spec = some_specs(1).front();
  spec.config = R"({"method": null, "model": {"name": "stories260k"}, "batch_tokens": 64})";
  spec.code = code;
  return spec;
}

void measure(Store& store, const TrialSpec& spec, const std::string& code, double ppl = 12.25) {
  REQUIRE(store.claim({{spec.id}, "w", "", 60, false, 0}));
  auto outcome = some_outcome();
  outcome.metrics[0].value = ppl;
  outcome.code = code;
  outcome.revision = "v1-2-gabc";
  REQUIRE(store.finish(spec.id, "w", outcome));
}

const std::string kOld = R"({"criterion wanda": "aa", "task ppl": "cc"})";
const std::string kNew = R"({"criterion wanda": "bb", "task ppl": "cc"})";

}  // namespace

TEST_CASE("a finished trial whose plugin changed is measured again, the old row is history",
          "[results]") {
  TempDir folder;
  Store store(folder.path / "a.db");
  auto spec = one_spec(kOld);
  CHECK(store.standing(spec) == Store::Standing::Missing);
  store.submit({spec}, Store::Renew::Stale);
  CHECK(store.standing(spec) == Store::Standing::Open);
  measure(store, spec, kOld);
  CHECK(store.standing(spec) == Store::Standing::Done);
  CHECK(store.submit({spec}, Store::Renew::Stale).stale == 0);
  spec.code = kNew;
  CHECK(store.standing(spec) == Store::Standing::Stale);
  CHECK(store.submit({spec}, Store::Renew::Nothing).stale == 0);  // --keep
  CHECK(store.metrics().size() == 2);
  CHECK(store.submit({spec}, Store::Renew::Stale).stale == 1);
  CHECK(store.metrics().empty());
  CHECK(store.standing(spec) == Store::Standing::Open);
  measure(store, spec, kNew, 13);
  REQUIRE(store.trials().size() == 1);
  CHECK(store.trials()[0].revision == "v1-2-gabc");
  CHECK(store.metrics().at(0).metric.value == 13);
  const auto past = store.history(spec.id);
  REQUIRE(past.size() == 1);
  CHECK(past[0].id == spec.id + "~1");
  CHECK(past[0].past == "the code changed: criterion wanda");
  CHECK(store.outcome(past[0].id).metrics.at(0).value == 12.25);
  // Another code may measure another number: no rerun disagrees.
  CHECK(store.outcome(spec.id).verdicts.size() == some_outcome().verdicts.size());
}

TEST_CASE("what is not known of a row makes it not stale", "[results]") {
  TempDir folder;
  Store store(folder.path / "a.db");
  auto spec = one_spec("");
  store.submit({spec});
  measure(store, spec, "");
  spec.code = kNew;
  CHECK(store.standing(spec) == Store::Standing::Done);
  CHECK(store.submit({spec}, Store::Renew::Stale).stale == 0);
}

TEST_CASE("two finished runs of one trial by one code that disagree", "[results]") {
  TempDir folder;
  Store store(folder.path / "a.db");
  const auto spec = one_spec(kOld);
  store.submit({spec});
  measure(store, spec, kOld);
  CHECK(store.submit({spec}, Store::Renew::Everything).stale == 1);
  measure(store, spec, kOld);
  const auto count = some_outcome().verdicts.size();
  CHECK(store.outcome(spec.id).verdicts.size() == count);
  store.submit({spec}, Store::Renew::Everything);
  measure(store, spec, kOld, 12.5);
  const auto verdicts = store.outcome(spec.id).verdicts;
  REQUIRE(verdicts.size() == count + 1);
  CHECK(verdicts.back().rule == "reruns_disagree");
  CHECK(!verdicts.back().ok);
  CHECK(contains(verdicts.back().detail, "wikitext2@512 ppl is 12.5 here and 12.25 in"));
  CHECK(store.history(spec.id).size() == 2);
}

TEST_CASE("labels follow the newest configuration, limits reach what is not done", "[results]") {
  TempDir folder;
  Store store(folder.path / "a.db");
  auto spec = one_spec("");
  store.submit({spec});
  REQUIRE(store.claim({{spec.id}, "w", "", 60, false, 0}));
  REQUIRE(store.fail(spec.id, "w", "time limit of 7 seconds reached"));
  spec.method = "mine", spec.time_limit = 700;
  spec.config = R"({"method": "mine", "model": {"name": "stories260k"}, "batch_tokens": 8})";
  store.submit({spec});
  CHECK(store.trials()[0].time_limit == 700);
  CHECK(contains(store.trials()[0].config, "\"batch_tokens\": 8"));
  REQUIRE(store.claim({{spec.id}, "w", "", 60, true, 1e18}));
  REQUIRE(store.finish(spec.id, "w", some_outcome()));
  spec.method = "ours", spec.model = "renamed";
  spec.config = R"({"method": "ours", "model": {"name": "renamed"}, "batch_tokens": 99})";
  store.submit({spec});
  const auto t = store.trials().at(0);
  CHECK(t.method == "ours");
  CHECK(t.model == "renamed");
  CHECK(contains(t.config, R"("method":"ours")"));
  CHECK(contains(t.config, R"("name":"renamed")"));
  CHECK(contains(t.config, R"("batch_tokens":8)"));  // as it was measured
}

TEST_CASE("people name, remark and remove", "[results]") {
  TempDir folder;
  Store store(folder.path / "a.db");
  const auto specs = some_specs(2);
  store.submit(specs);
  store.name(specs[0].id, "baseline");
  store.remark(specs[0].id, "the old cluster");
  CHECK(store.trials()[0].method == "baseline");
  CHECK(store.trials()[0].remark == "the old cluster");
  CHECK(store.trial("2")->id == specs[1].id);  // by its number
  REQUIRE(store.claim({{specs[0].id}, "w", "", 60, false, 0}));
  CHECK(contains(error_of([&] { store.remove(specs[0].id, "x"); }), "is running"));
  REQUIRE(store.finish(specs[0].id, "w", some_outcome()));
  store.remove(specs[0].id, "wrong data");
  CHECK(store.trials().size() == 1);
  CHECK(store.metrics().empty());
  CHECK(store.broken_verdicts().empty());
  CHECK(store.model_sparsity().empty());
  CHECK(store.history(specs[0].id).at(0).past == "removed: wrong data");
  CHECK(store.submit(specs).added == 1);  // it may be measured anew
  for (const char* unknown : {"ffff"}) {
    CHECK(contains(error_of([&] { store.name(unknown, "x"); }), "no trial 'ffff'"));
    CHECK(contains(error_of([&] { store.remark(unknown, "x"); }), "no trial 'ffff'"));
    CHECK(contains(error_of([&] { store.remove(unknown, "x"); }), "no trial 'ffff'"));
  }
}

TEST_CASE("a setting is the identity without model, tasks, target and seeds", "[results]") {
  TrialSpec t;
  t.pattern = "unstructured";
  t.identity =
      R"({"model":"ab","criterion":{"name":"random","seed":3},"data":{"nsamples":4,"base_seed":1},)"
      R"("pattern":{"kind":"structured","budget":"macs"},"sparsity":0.5,"tasks":{"a":{}}})";
  const auto s = setting_of(t);
  CHECK(s.kind == "pruned");
  CHECK(s.weights == "ab");
  CHECK(s.settings ==
        R"({"criterion":{"name":"random"},"data":{"nsamples":4},"pattern":{"budget":"macs"}})");
  CHECK(s.seeds == R"({"criterion.seed":3,"data.base_seed":1})");
  t.pattern = "dense";
  t.identity = R"({"model":"ab","tasks":{}})";
  CHECK(setting_of(t).kind == "dense");
  t.identity = R"({"model":"ab","tasks":{},"before":{"turn":{}}})";
  CHECK(setting_of(t).kind == "changed");
  t.identity = "no JSON";
  CHECK(setting_of(t).settings == "{}");
}

namespace {

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// A ledger that the first schema's program wrote: five trials of stories260k.
std::string old_ledger(const TempDir& folder) {
  const std::string path = folder.path / "old.db";
  std::filesystem::copy_file(BENCH_ROOT "/tests/results/ledgers/schema1.db", path);
  return path;
}

}  // namespace

TEST_CASE("a ledger of an older release opens: its rows say what is not known", "[results]") {
  TempDir folder;
  const auto path = old_ledger(folder);
  const auto before = bytes_of(path);
  {
    const Store reader(path, Store::Mode::ReadOnly);  // looks at a copy
    CHECK(reader.trials().size() == 5);
  }
  CHECK(bytes_of(path) == before);
  Store store(path);
  const auto trials = store.trials();
  REQUIRE(trials.size() == 5);
  CHECK(trials[0].kind == "dense");
  CHECK(trials[1].kind == "pruned");
  CHECK(trials[0].weights.size() == 64);
  for (const auto& t : trials) {
    CHECK(t.code.empty());
    CHECK(t.revision.empty());
  }
  CHECK(store.metrics().size() > 20);
  CHECK(Store(path).trials().size() == 5);
}

TEST_CASE("kill -9 in the middle of a migration leaves the older ledger whole", "[results][kill]") {
  for (int wait = 0; wait < 40; ++wait) {
    TempDir folder;
    const auto path = old_ledger(folder);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      try {
        Store store(path);
      } catch (...) {
      }
      _exit(0);
    }
    usleep(static_cast<useconds_t>(wait) * 100);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    Store store(path);
    CHECK(store.trials().size() == 5);
    CHECK(store.trials()[4].settings.size() > 2);
    CHECK(store.metrics().size() > 20);
  }
}
