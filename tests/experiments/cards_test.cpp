// launcher.devices and workers_per_device: which card a worker sees. No card is needed: a criterion
// of another program tells what is in the worker's environment.
#include "fleet/cards.h"

#include <set>

#include "fleet/launcher.h"
#include "front/program.h"
#include "hydra/yaml/yaml.h"
#include "test.h"

using namespace bench;
using namespace bench::test;

namespace {

using Names = std::vector<std::string>;

Config launcher(const std::string& yaml) {
  std::vector<std::string> mistakes;
  auto all = complete_launcher(load_yaml(yaml, "test"), mistakes);
  for (const auto& m : mistakes) throw Error(m);
  return Config(std::move(all), "launcher");
}
std::string refused(const std::string& yaml, const VisibleCards& visible = {}) {
  return error_of([&] { cards_of(launcher(yaml), visible); });
}

}  // namespace

TEST_CASE("workers are dealt to the cards that are there", "[cards]") {
  CHECK(cards_of(launcher("{}"), {}).empty());  // no trial needs one
  CHECK(cards_of(launcher("{}"), {{}, 3}) == Names{"0", "1", "2"});
  CHECK(cards_of(launcher("{devices: [2, 0]}"), {{}, 3}) == Names{"2", "0"});
  // As a cluster or a user has cut them down: numbers count among what is visible.
  CHECK(cards_of(launcher("{}"), {{"5", "GPU-ab"}, 2}) == Names{"5", "GPU-ab"});
  CHECK(cards_of(launcher("{devices: [1]}"), {{"5", "GPU-ab"}, 2}) == Names{"GPU-ab"});
  CHECK(cards_of(launcher("{devices: [1, 0]}"), {}) == Names{"1", "0"});  // on trust
}

TEST_CASE("so many workers a card, or as many as are asked for", "[cards]") {
  CHECK(workers_of(launcher("{}"), 0, 8) == 8);
  CHECK(workers_of(launcher("{}"), 2, 8) == 2);
  CHECK(workers_of(launcher("{workers_per_device: 3}"), 2, 8) == 6);
  CHECK(workers_of(launcher("{workers_per_device: 3, workers: 5}"), 2, 8) == 5);
}

TEST_CASE("cards that are not there, and lists that are none", "[cards]") {
  CHECK(contains(refused("{devices: [2]}", {{}, 2}),
                 "launcher.devices: there is no card 2; this machine shows 2, from 0 to 1"));
  CHECK(contains(refused("{devices: [1]}", {{}, 1}), "this machine shows one, which is 0"));
  CHECK(contains(refused("{devices: [0]}", {{}, 0}), "this machine shows none"));
  CHECK(contains(refused("{devices: [1]}", {{"7"}, -1}), "there is no card 1"));
  for (const char* none : {"{devices: all}", "{devices: []}", "{devices: [a]}", "{devices: [-1]}",
                           "{devices: 0}", "{devices: [0.5]}"})
    CHECK(contains(refused(none), "test:1: launcher.devices: expected auto or a list of cards"));
  CHECK(contains(refused("{devices: [0, 1, 0]}"), "names card 0 twice"));
  CHECK(contains(refused("{workers_per_device: 0}"), "launcher.workers_per_device"));
}

TEST_CASE("each worker sees the card that it was dealt", "[cards]") {
  const TempDir dir;
  const auto seen = (dir.path / "seen").string();
  std::ofstream(dir.path / "tell.sh")
      << "#!/bin/sh\necho \"$CUDA_VISIBLE_DEVICES\" >> " << seen << "\nsleep 0.3\nexit 1\n";
  std::filesystem::permissions(dir.path / "tell.sh", std::filesystem::perms::owner_all);
  std::ofstream(dir.path / "one.yaml")
      << "model: {name: stories260k}\nsparsity: 0.5\ndata: {nsamples: 2, seqlen: 64}\n"
         "task: {s: {name: size}}\ncriterion: {name: external, command: ["
      << (dir.path / "tell.sh").string()
      << "]}\nlauncher: {devices: [1, 0], workers_per_device: 3}\n"
         "sweep: {sparsity: [0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65]}\n";
  setenv("BENCH_HOME", root().c_str(), 1);
  const auto ran = run("run " + (dir.path / "one.yaml").string() + " --no-report --db " +
                       (dir.path / "x.db").string());
  INFO(ran.output);
  CHECK(contains(ran.output, "12 failed"));  // the program says nothing: each trial a sentence
  std::istringstream lines(slurp(seen));
  std::multiset<std::string> cards;
  for (std::string line; std::getline(lines, line);) cards.insert(line);
  CHECK(cards.size() == 12);
  CHECK(cards.count("0") > 0);
  CHECK(cards.count("1") > 0);
  CHECK(cards.count("0") + cards.count("1") == 12);
}
