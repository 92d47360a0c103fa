// report --flips: answers that turned against the dense model.
#include <fmt/format.h>

#include "front/program.h"
#include "results/store.h"

using namespace bench;
using namespace bench::test;

namespace {

/// Trials of one model; the items of "acc", and of "f" that are no answers.
void fill(const std::string& path,
          const std::vector<std::pair<std::string, std::vector<float>>>& trials,
          const std::string& broken = "") {
  Store store(path);
  for (const auto& [method, items] : trials) {
    TrialSpec t;
    t.id = "id" + method;
    t.model = "tiny";
    t.method = method;
    t.pattern = method == "dense" ? "dense" : "2:4";
    t.sparsity = method == "dense" ? 0 : 0.5;
    t.identity = method == "dense" ? R"({"model":"aa"})"
                                   : fmt::format(R"({{"model":"aa","criterion":"{}"}})", method);
    t.config = "{}";
    store.submit({t});
    store.claim({{t.id}, "w", "", 600, false, 0});
    Outcome o;
    float sum = 0;
    for (const float x : items) sum += x;
    const auto n = static_cast<int64_t>(items.size());
    o.metrics = {
        {"arc", "lm@1", "acc", sum / static_cast<float>(n), 0.1, n, "share", true, items, "h"},
        {"arc", "lm@1", "f", 0.5, 0.1, 2, "share", true, {0.25f, 0.75f}, "g"}};
    if (method == broken) o.verdicts = {{"mask_holds", false, ""}};
    store.finish(t.id, "w", o);
  }
}

}  // namespace

TEST_CASE("flips count both ways against the dense trial", "[front][flips]") {
  TempDir folder;
  const auto path = (folder.path / "a.db").string(), db = " --db '" + path + "'";
  // The same accuracy as the dense model's, and half of the answers turned.
  fill(path, {{"dense", {1, 1, 0, 0}}, {"wanda", {1, 0, 1, 0}}, {"magnitude", {0, 0, 0, 0}}});
  const Ran r = run("report --flips --format csv --task arc" + db);
  CHECK(r.code == 0);
  const auto value = [&](const std::string& method, const std::string& metric) {
    const auto longs = run("report --flips --long --task arc" + db).output;
    const auto at = longs.find(",arc,lm@1,acc " + metric + ",", longs.find("id" + method + ","));
    const auto begin = longs.find(metric + ",", at) + metric.size() + 1;
    return longs.substr(begin, longs.find(',', begin) - begin);
  };
  CHECK(value("wanda", "flips") == "0.5");
  CHECK(value("wanda", "lost") == "0.25");
  CHECK(value("wanda", "gained") == "0.25");
  CHECK(value("magnitude", "flips") == "0.5");
  CHECK(value("magnitude", "lost") == "0.5");
  CHECK(value("magnitude", "gained") == "0");
  CHECK(!contains(r.output, ",f flips,"));  // shares of an item are neither right nor wrong
  CHECK(!contains(r.output, ",acc,"));
  CHECK(contains(run("report --flips" + db).output, "dense      – the baseline"));
  CHECK(run("report --flips --task none" + db).code == 2);
  const auto both = run("report --flips --columns metric --metric acc --metric 'acc flips'" + db);
  CHECK(both.code == 0);
  CHECK(contains(both.output, "acc flips"));
  CHECK(contains(both.output, "0.5000 ± 0.2887"));  // sqrt(0.25 / 3)
}

TEST_CASE("without answers of a dense model there are no flips, in one sentence",
          "[front][flips]") {
  TempDir folder;
  const auto alone = (folder.path / "a.db").string(), broken = (folder.path / "b.db").string();
  fill(alone, {{"wanda", {1, 0, 1, 0}}});
  fill(broken, {{"dense", {1, 1, 0, 0}}, {"wanda", {1, 0, 1, 0}}}, "dense");
  for (const auto& path : {alone, broken}) {
    const Ran r = run("report --flips --db '" + path + "'");
    CHECK(r.code == 1);
    CHECK(contains(r.output, "dense"));
    CHECK(r.output.find('\n') == r.output.size() - 1);
  }
}
