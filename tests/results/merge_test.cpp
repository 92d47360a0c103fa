// Ledgers that are brought into one: in whatever order and however often, the same rows count.
#include "results/merge.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <random>
#include <set>

#include "front/program.h"
#include "results/store_cases.h"
#include "test.h"

using namespace bench;
using namespace bench::test;

namespace fs = std::filesystem;

namespace {

/// Measures a trial in one ledger: worker and code as said, the perplexity by which rows differ.
void measure(Store& store, const TrialSpec& spec, const std::string& worker, double ppl,
             const std::string& code = "{}") {
  store.submit({spec});
  REQUIRE(store.claim({{spec.id}, worker, "", 60, false, 0}));
  auto outcome = some_outcome();
  outcome.metrics[0].value = ppl;
  outcome.code = code;
  REQUIRE(store.finish(spec.id, worker, outcome));
}

/// What counts: one line a trial, without numbers and times.
std::multiset<std::string> counting(const std::string& db) {
  const Store store(db, Store::Mode::ReadOnly);
  std::multiset<std::string> all;
  for (const auto& t : store.trials()) {
    auto line = t.id + " " + t.state + " " + t.worker + " " + t.error;
    if (t.state == "done") {
      const auto o = store.outcome(t.id);
      line += fmt::format(" {} {}", o.metrics[0].value, o.metrics[0].items.size());
      for (const auto& v : o.verdicts) line += v.ok ? "" : " " + v.rule;
    }
    line += fmt::format(" past {}", store.history(t.id).size());
    all.insert(line);
  }
  return all;
}

}  // namespace

TEST_CASE("merge: any order, repeated, overlapping: the same rows count", "[results][merge]") {
  std::mt19937 random(5);
  const auto specs = some_specs(12);
  for (int round = 0; round < 6; ++round) {
    TempDir folder;
    std::vector<std::string> files;
    for (int f = 0; f < 3; ++f) {
      files.push_back((folder.path / fmt::format("{}.db", f)).string());
      Store store(files.back());
      for (const auto& spec : specs) {
        const auto what = random() % 6;
        const auto worker = fmt::format("w{}", f);
        if (what == 0) continue;
        if (what == 1) store.submit({spec});
        if (what == 2) {
          store.submit({spec});
          store.claim({{spec.id}, worker, "", 60, false, 0});
        }
        if (what == 3) {
          store.submit({spec});
          store.claim({{spec.id}, worker, "", 60, false, 0});
          store.fail(spec.id, worker, "out of luck");
        }
        if (what == 4) measure(store, spec, worker, 12.25);
        if (what == 5) measure(store, spec, worker, 12.25 + f);  // another number of the same code
      }
    }
    std::sort(files.begin(), files.end());
    std::multiset<std::string> first;
    int order = 0;
    do {
      const auto into = (folder.path / fmt::format("into{}.db", order)).string();
      for (const auto& f : files) merge(into, {f});
      merge(into, files);  // twice changes nothing
      auto now = counting(into);
      // Of failed rows of one id any may stay: they say no number.
      if (order++ == 0) first = now;
      const auto numbers = [](const std::multiset<std::string>& all) {
        std::multiset<std::string> kept;
        for (const auto& line : all)
          kept.insert(line.find(" done ") != line.npos ? line : line.substr(0, 64));
        return kept;
      };
      CHECK(numbers(now) == numbers(first));
      for (const auto& line : now) CHECK(line.find(" running ") == line.npos);
    } while (std::next_permutation(files.begin(), files.end()));
  }
}

TEST_CASE("merge: finished rows that differ are both kept and said to", "[results][merge]") {
  TempDir folder;
  const auto a = (folder.path / "a.db").string(), b = (folder.path / "b.db").string();
  const auto spec = some_specs(1).front();
  {
    Store one(a);
    measure(one, spec, "here", 12.25);
    Store two(b);
    measure(two, spec, "there", 12.5);
  }
  CHECK(merge(a, {b}).differing == 1);
  CHECK(merge(a, {b}).differing == 0);
  const Store store(a, Store::Mode::ReadOnly);
  REQUIRE(store.trials().size() == 1);
  CHECK(store.outcome(spec.id).verdicts.back().rule == "reruns_disagree");
  REQUIRE(store.history(spec.id).size() == 1);
  const auto past = store.history(spec.id).front();
  CHECK(store.outcome(past.id).metrics[0].value + store.outcome(spec.id).metrics[0].value == 24.75);

  const auto c = (folder.path / "c.db").string();
  {
    Store other(c);
    measure(other, spec, "later", 13, R"({"criterion wanda": "bb"})");
  }
  CHECK(merge(a, {c}).differing == 1);
  const Store again(a, Store::Mode::ReadOnly);
  CHECK(again.outcome(spec.id).metrics[0].value == 13);  // other code: the newer row counts
  CHECK(again.history(spec.id).size() == 2);
}

TEST_CASE("merge: what was taken out does not come back with an old copy", "[results][merge]") {
  TempDir folder;
  const auto a = (folder.path / "a.db").string(), b = (folder.path / "b.db").string();
  const auto specs = some_specs(2);
  {
    Store other(b);
    for (const auto& spec : specs) measure(other, spec, "there", 12.5);
  }
  CHECK(merge(a, {b}).added == 2);
  Store(a).remove(specs[0].id, "measured on a broken machine");
  CHECK(merge(a, {b}).added == 0);
  CHECK(Store(a, Store::Mode::ReadOnly).trials().size() == 1);
  // Measured again here, the old copy is not held against it.
  {
    Store here(a);
    measure(here, specs[0], "here", 13);
  }
  CHECK(merge(a, {b}).differing == 0);
  const Store store(a, Store::Mode::ReadOnly);
  CHECK(store.trials().size() == 2);
  CHECK(store.outcome(specs[0].id).metrics[0].value == 13);
}

TEST_CASE("merge: an older schema comes along, what is no whole ledger is refused",
          "[results][merge]") {
  TempDir folder;
  const auto old = (root() / "tests/results/ledgers/schema1.db").string();
  const auto into = (folder.path / "into.db").string();
  const auto before = slurp(old);
  const auto m = merge(into, {old});
  CHECK(m.added > 0);
  CHECK(m.added == m.trials);
  CHECK(slurp(old) == before);  // it is only read
  CHECK(merge(into, {old}).added == 0);

  const auto kept = counting(into);
  const auto broken = (folder.path / "broken.db").string();
  std::ofstream(broken) << before.substr(0, before.size() / 2);
  const auto text = (folder.path / "text.db").string();
  std::ofstream(text) << "no database";
  for (const auto& bad : {broken, text, into, (folder.path / "missing.db").string()}) {
    const auto why = error_of([&] { merge(into, {old, bad}); });
    INFO(why);
    CHECK(why.find(bad) != why.npos);
    CHECK(counting(into) == kept);
  }
}

TEST_CASE("merge: kill -9 in the middle loses nothing and doubles nothing", "[results][merge]") {
  TempDir folder;
  const auto into = (folder.path / "into.db").string();
  std::vector<std::string> files;
  const auto specs = some_specs(60);
  for (int f = 0; f < 3; ++f) {
    files.push_back((folder.path / fmt::format("{}.db", f)).string());
    Store store(files.back());
    for (int i = 0; i < 20; ++i) measure(store, specs[static_cast<size_t>(20 * f + i)], "w", 12.25);
  }
  std::mt19937 random(1);
  for (int kill = 0; kill < 25; ++kill) {
    fs::remove(into);
    const auto child = fork();
    if (child == 0) {
      try {
        merge(into, files);
      } catch (...) {
      }
      _exit(0);
    }
    usleep(static_cast<useconds_t>(random() % 20'000));
    ::kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    merge(into, files);
    CHECK(counting(into).size() == 60);
  }
}

TEST_CASE("bench merge: through the command", "[results][merge]") {
  TempDir folder;
  const auto a = (folder.path / "a.db").string(), into = (folder.path / "all.db").string();
  {
    Store store(a);
    measure(store, some_specs(1).front(), "w", 12.25);
  }
  const auto ran = run("merge " + into + " " + a);
  INFO(ran.output);
  CHECK(ran.code == 0);
  CHECK(ran.output.find("1 new") != std::string::npos);
  CHECK(run("merge " + into + " " + a).output.find("0 new") != std::string::npos);
  CHECK(run("list --db " + into).output.find("wanda") != std::string::npos);
  CHECK(run("merge " + into).code == 2);
  CHECK(run("merge " + into + " " + into).code != 0);
}
