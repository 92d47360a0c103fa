// The tutorial's commands, as they stand in docs/tutorial.md.
#include <fmt/format.h>

#include <map>

#include "results/store.h"
#include "test.h"

using namespace bench;
using namespace bench::test;

namespace {

/// What stands between ```sh and ```, one after another.
std::string commands_of(const std::string& page) {
  const std::string open = "\n```sh\n", close = "\n```";
  std::string all;
  for (size_t at = 0; (at = page.find(open, at)) != std::string::npos;) {
    at += open.size();
    const auto end = page.find(close, at);
    all += page.substr(at, end - at) + "\n";
    at = end;
  }
  return all;
}

}  // namespace

TEST_CASE("the tutorial, from an empty folder to a merged database", "[docs]") {
  TempDir dir;
  const auto commands = commands_of(slurp(root() / "docs/tutorial.md"));
  REQUIRE(contains(commands, "bench run tutorial.yaml"));
  const auto script = dir.path / "commands.sh", log = dir.path / "log";
  std::ofstream(script) << "set -e\n" << commands;
  const auto line = "cd " + dir.path.string() +
                    " && PATH=" BENCH_BIN ":$PATH BENCH_HOME=" + root().string() + " bash -e " +
                    script.string() + " > " + log.string() + " 2>&1";
  const int status = std::system(line.c_str());
  INFO(slurp(log));
  REQUIRE(status == 0);
  const Store store((dir.path / "out/bench.db").string(), Store::Mode::ReadOnly);
  const auto trials = store.trials();
  CHECK(trials.size() == 10);
  // What the tutorial says of its idea: it is Wanda's score.
  std::map<std::string, double> ppl;
  for (const auto& t : trials)
    if (t.seeds.empty())  // seed 0
      ppl[fmt::format("{} {}", t.method, t.sparsity)] = store.outcome(t.id).metrics.front().value;
  CHECK(ppl.at("idea 0.3") == ppl.at("wanda 0.3"));
  CHECK(ppl.at("idea 0.5") == ppl.at("wanda 0.5"));
  for (const char* made : {"all.csv", "out/leaderboard.html", "again.yaml"})
    CHECK(std::filesystem::exists(dir.path / made));
}
