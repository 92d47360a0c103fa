// Trial ids are for ever: a database of last year is found by them. And docs/reference.md is what
// the code declares.
#include "test.h"
#include "trial/trial.h"

using namespace bench;
using namespace bench::test;

namespace {

std::string ids_of(const std::string& config, std::vector<std::string> overrides) {
  setenv("BENCH_HOME", root().c_str(), 1);
  ComposeRequest request;
  request.primary = root() / "configs" / config;
  if (config == "smoke.yaml")
    overrides.emplace_back("data=stories");  // as it was when they were nailed
  request.overrides = std::move(overrides);
  request.multirun = true;
  const auto planned = plan_jobs(expand(request));
  std::string text;
  for (const auto& m : planned.mistakes) text += m + "\n";
  for (const auto& t : planned.trials) text += (text.empty() ? "" : " ") + t.spec.id;
  return text;
}

}  // namespace

TEST_CASE("trial ids are nailed for ever", "[trial]") {
  // If this fails, a change has orphaned every row of every database: take the change back.
  CHECK(ids_of("smoke.yaml", {}) == "0c53a686095c01a2 537666a7fb1b378e e59224789f9c7411");
  CHECK(ids_of("smoke.yaml", {"criterion=sparsegpt,mini_llm", "sparsity=0.5"}) ==
        "64a0c00271e3d179 6316e4c6c7978742");
  CHECK(ids_of("smoke.yaml", {"pattern=2of4", "criterion=wanda,magnitude", "update=obs",
                              "task=[wikitext2_10,arc_easy_100,size]", "sparsity=0.5"}) ==
        "7dabcde1935d2c8d 5986b4476ff8d648");
  CHECK(ids_of("resnet_sweep.yaml", {"criterion=l1_filter", "pattern=channels", "sparsity=0.3",
                                     "propagation=dense", "shrink=true"}) ==
        "3b996158ecbd73d2 6c7aa4af7551b34f");
}

TEST_CASE("a default that is written out, and how trials are run, change no id", "[trial]") {
  const auto id = ids_of("smoke.yaml", {"sparsity=0.5"});
  for (const char* more :
       {"++criterion.name=wanda", "launcher=careful", "launcher.time_limit=9", "++batch_tokens=99",
        "+task.stories_10.protocol=wanda@8e8fc87", "+task.stories_10.window=0", "+method=mine",
        "data.seqlen=128", "~launcher", "~protocol"}) {
    INFO(more);
    CHECK(ids_of("smoke.yaml", {"sparsity=0.5", more}) == id);
  }
  for (const char* more : {"criterion=magnitude", "seed=1", "protocol=llm_pruner", "data.seqlen=64",
                           "+model.tokenizer=spm", "+task.stories_10.window=256"}) {
    const auto other = ids_of("smoke.yaml", {"sparsity=0.5", more});
    CAPTURE(more, other);
    CHECK(other.size() == 16);
    CHECK(other != id);
  }
}

TEST_CASE("the launcher is one for a whole sweep, but for its time limit", "[trial]") {
  CHECK(contains(ids_of("smoke.yaml", {"launcher=local,careful"}), "launcher: a sweep has one"));
  CHECK(!contains(ids_of("smoke.yaml", {"launcher.time_limit=1,2"}), "launcher"));
}

TEST_CASE("docs/reference.md holds every declared key", "[trial]") {
  // bench explain --format markdown > docs/reference.md
  CHECK(slurp(root() / "docs/reference.md") == explain(declared_keys(), "", "markdown"));
}

TEST_CASE("every choice of configs/ begins with a comment, and every plugin has one", "[trial]") {
  size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root() / "configs")) {
    if (entry.path().extension() != ".yaml") continue;
    CAPTURE(entry.path().string());
    CHECK(slurp(entry.path()).rfind("# ", 0) == 0);
    ++files;
  }
  CHECK(files > 50);
  for (const auto& part : declared_keys()) {
    const auto dot = part.path.find('.');
    if (dot == std::string::npos || part.path.rfind("task", 0) == 0) continue;
    auto file = part.path;
    file[dot] = '/';
    CAPTURE(file);
    CHECK(std::filesystem::exists(root() / "configs" / (file + ".yaml")));
  }
}
