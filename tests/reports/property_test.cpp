// No cell of any table averages rows that differ in anything but their seeds.
#include <fmt/format.h>

#include <map>
#include <random>
#include <set>

#include "reports/pivot.h"
#include "results/setting.h"
#include "test.h"

using namespace bench;
using namespace bench::test;

namespace {

template <class T>
const T& one_of(std::mt19937& random, const std::vector<T>& all) {
  return all[random() % all.size()];
}

/// Random settings of few names, so that names collide as they do in a year of work.
TrialSpec drawn(std::mt19937& random) {
  TrialSpec t;
  t.model = one_of<std::string>(random, {"tiny", "small"});
  t.method = one_of<std::string>(random, {"wanda", "mine", "dense"});
  t.pattern = one_of<std::string>(random, {"unstructured", "2:4"});
  t.sparsity = one_of<double>(random, {0.3, 0.5});
  const int seed = static_cast<int>(random() % 3), alpha = static_cast<int>(random() % 3);
  const auto data = one_of<std::string>(random, {"", R"(,"data":{"nsamples":32})"});
  const auto update = one_of<std::string>(random, {"", R"(,"update":{"name":"obs"})"});
  t.identity = fmt::format(
      R"({{"model":"{}","criterion":{{"name":"{}"{}{}}}{}{},"sparsity":{},"tasks":{{"t":{}}}}})",
      one_of<std::string>(random, {"aaaa1", "bbbb2"}),
      one_of<std::string>(random, {"wanda", "magnitude"}),
      alpha ? fmt::format(R"(,"alpha":{})", alpha) : "",
      seed ? fmt::format(R"(,"seed":{})", seed) : "", data, update, t.sparsity, random() % 2);
  if (random() % 6 == 0) {
    t.pattern = "dense", t.sparsity = 0;
    t.identity = fmt::format(R"({{"model":"aaaa1"{},"tasks":{{}}}})",
                             one_of<std::string>(random, {"", R"(,"tokenizer":"spm")"}));
  }
  t.config = t.identity;
  t.id = fmt::format("{:016x}", std::hash<std::string>()(t.identity + t.pattern));
  return t;
}

}  // namespace

TEST_CASE("no cell averages rows that differ in anything but seeds", "[reports]") {
  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    TempDir folder;
    Store store(folder.path / "a.db");
    for (int i = 0; i < 60; ++i) {
      const auto t = drawn(random);
      if (store.submit({t}).added == 0) continue;
      REQUIRE(store.claim({{t.id}, "w", "", 60, false, 0}));
      Outcome o;
      o.metrics.push_back({"wiki",
                           "p@1",
                           "ppl",
                           5 + static_cast<double>(random() % 100),
                           0.1,
                           9,
                           "",
                           false,
                           {},
                           one_of<std::string>(random, {"h1", "h2"})});
      REQUIRE(store.finish(t.id, "w", o));
    }
    const Rows rows = read_rows(store);
    std::map<std::string, std::string> items;
    for (const auto& m : rows.metrics) items[m.trial] = m.metric.items_hash;
    std::set<size_t> shown;
    for (const auto& table : pivot(rows, {}).tables)
      for (const auto& line : table.lines)
        for (const auto& cell : line.cells) {
          if (cell.kind != Cell::Kind::Value) continue;
          std::set<std::string> settings, seeds;
          for (const size_t i : cell.trials) {
            const auto& t = rows.trials[i];
            settings.insert(t.weights + t.settings + t.kind + t.pattern +
                            std::to_string(t.sparsity) + items[t.id]);
            CHECK(seeds.insert(t.seeds).second);  // one number a seed
            shown.insert(i);
          }
          CHECK(settings.size() == 1);
        }
    // What a table leaves out is an older row of the same setting and seed.
    std::map<std::string, int64_t> newest;
    const auto key_of = [&](const Trial& t) {
      return t.model + t.method + t.weights + t.settings + t.seeds + t.pattern +
             std::to_string(t.sparsity) + items[t.id];
    };
    for (const auto& t : rows.trials) newest[key_of(t)] = std::max(newest[key_of(t)], t.number);
    for (size_t i = 0; i < rows.trials.size(); ++i)
      CHECK((shown.count(i) > 0) == (newest[key_of(rows.trials[i])] == rows.trials[i].number));
  }
}
