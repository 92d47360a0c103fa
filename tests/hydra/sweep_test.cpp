#include "hydra/compose/sweep.h"

#include "hydra/tree.h"

using bench::test::contains;
using bench::test::Tree;

namespace {
Tree with_sweep(const std::string& sweep) {
  return Tree({{"config.yaml",
                "defaults:\n  - criterion: wanda\n  - _self_\nseed: 0\nratio: 0.5\n"
                "x: {a: 0}\nname: r${ratio}\n" +
                    sweep},
               {"criterion/wanda.yaml", "name: wanda\nblock: 1\n"},
               {"criterion/magnitude.yaml", "name: magnitude\n"}});
}
}  // namespace

TEST_CASE("-m and the sweep block are the same thing", "[config]") {
  const std::string jobs =
      "criterion=wanda seed=0 | criterion=wanda seed=1 | criterion=magnitude seed=0 | "
      "criterion=magnitude seed=1";
  CHECK(with_sweep("").jobs({"criterion=wanda,magnitude", "seed=range(2)"}, true) == jobs);
  CHECK(with_sweep("sweep: {criterion: [wanda, magnitude], seed: 'range(2)'}\n").jobs() == jobs);
  CHECK(with_sweep("sweep:\n  criterion: glob(*)\n  seed: 0,1\n").jobs() ==
        "criterion=magnitude seed=0 | criterion=magnitude seed=1 | criterion=wanda seed=0 | "
        "criterion=wanda seed=1");
}

TEST_CASE("a job's configuration is resolved and without the sweep", "[config]") {
  const auto tree = with_sweep("sweep: {ratio: [0.1, 0.2], x: [{a: 5}]}\n");
  const auto jobs = bench::expand(tree.request());
  REQUIRE(jobs.size() == 2);
  CHECK(jobs[1].config.find("name")->string() == "r0.2");
  CHECK(to_json(*jobs[1].config.find("x")) == R"({"a": 5})");
  CHECK(jobs[1].config.find("sweep") == nullptr);
  CHECK(jobs[1].overrides == std::vector<std::string>{"ratio=0.2", "x={a:5}"});
  CHECK(jobs[1].choices.at("criterion") == "wanda");
}

TEST_CASE("one job without a sweep", "[config]") {
  const auto tree = with_sweep("");
  CHECK(bench::expand(tree.request({"seed=4"})).size() == 1);
  CHECK(tree.jobs({"seed=4", "name='a,b'"}) == "seed=4 name='a,b'");
}

TEST_CASE("the command line wins over the block", "[config]") {
  const auto tree = with_sweep("sweep: {seed: [0, 1], ratio: [0.1, 0.2]}\n");
  CHECK(tree.jobs({"seed=7"}) == "seed=7 ratio=0.1 | seed=7 ratio=0.2");
  CHECK(tree.jobs({"ratio=0.3,0.4", "seed=7"}, true) == "seed=7 ratio=0.3 | seed=7 ratio=0.4");
  CHECK(tree.jobs({"criterion=magnitude,wanda", "seed=7", "ratio=0"}, true) ==
        "seed=7 ratio=0 criterion=magnitude | seed=7 ratio=0 criterion=wanda");
}

TEST_CASE("zip walks keys together", "[config]") {
  CHECK(with_sweep("sweep: {zip: {seed: [1, 2], ratio: [0.1, 0.2]}, x.a: [8, 9]}\n").jobs() ==
        "seed=1 ratio=0.1 x.a=8 | seed=1 ratio=0.1 x.a=9 | seed=2 ratio=0.2 x.a=8 | "
        "seed=2 ratio=0.2 x.a=9");
  CHECK(contains(with_sweep("sweep: {zip: {seed: [1, 2], ratio: [0.1]}}\n").error(),
                 "'ratio' has 1 values, 'seed' has 2"));
}

TEST_CASE("a list of products is their union, when refines what comes before", "[config]") {
  CHECK(with_sweep("sweep:\n  - {seed: [1, 2]}\n  - {ratio: [0.9]}\n").jobs() ==
        "seed=1 | seed=2 | ratio=0.9");
  CHECK(with_sweep("sweep:\n  - criterion: [wanda, magnitude]\n  - when: {criterion: wanda}\n"
                   "    criterion.block: [1, 2]\n")
            .jobs() ==
        "criterion=wanda criterion.block=1 | criterion=wanda criterion.block=2 | "
        "criterion=magnitude");
  // A key that no job sets is looked up in the configuration; a list means any of them.
  CHECK(with_sweep("sweep:\n  - ratio: [1, 2, 3]\n  - when: {criterion: wanda, ratio: [1, 3]}\n"
                   "    seed: [5, 6]\n")
            .jobs() ==
        "ratio=1 seed=5 | ratio=1 seed=6 | ratio=2 | ratio=3 seed=5 | ratio=3 seed=6");
  CHECK(contains(
      with_sweep("sweep:\n  - seed: [1]\n  - {when: {critreion: x}, ratio: [1]}\n").error(),
      "unknown key 'critreion'; did you mean criterion"));
  CHECK(contains(with_sweep("sweep:\n  - {when: {seed: 0}, ratio: [1]}\n").error(), "first item"));
}

TEST_CASE("all jobs are checked before any is returned", "[config]") {
  const auto tree = with_sweep("");
  CHECK(contains(tree.error({"criterion=wanda,wnada"}, true), "job 1 (criterion=wnada)"));
  CHECK(contains(tree.error({"criterion=wanda,wnada"}, true), "did you mean wanda?"));
  CHECK(contains(tree.error({"seed=range(1000)", "ratio=range(1000)"}, true), "100000 jobs"));
}

TEST_CASE("T9: shuffles follow the seed of the configuration", "[config]") {
  const auto tree = with_sweep("");
  const auto first = tree.jobs({"ratio=shuffle(range(10))"}, true);
  CHECK(first == tree.jobs({"ratio=shuffle(range(10))"}, true));
  CHECK(first.find("ratio=0 |") != std::string::npos);
  CHECK(first != tree.jobs({"ratio=range(10)"}, true));
  auto other = tree.jobs({"ratio=shuffle(range(10))", "seed=1"}, true);
  for (auto at = other.find(" seed=1"); at != std::string::npos; at = other.find(" seed=1"))
    other.erase(at, 7);
  CHECK(first != other);
  CHECK(first.size() == other.size());
}
