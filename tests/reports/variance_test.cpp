#include "reports/variance.h"

#include <cmath>

#include "front/program.h"
#include "reports/synthetic.h"
#include "test.h"

using namespace bench;
using namespace bench::test;

namespace {

Cell of_seeds(double value, double items, double seeds, size_t k) {
  Cell c;
  c.kind = Cell::Kind::Value;
  c.value = value, c.error_items = items;
  c.error_seeds = seeds / std::sqrt(static_cast<double>(k));
  c.trials.assign(k, 0);
  return c;
}

}  // namespace

TEST_CASE("variance: seeds and items apart, and what would settle a difference", "[reports]") {
  Report report;
  Table t;
  t.model = "tiny", t.task = "text", t.metric = "ppl", t.higher_is_better = false;
  t.columns = {{"unstructured", 0.5, "unstructured 50%"}};
  Cell dense = of_seeds(9, 0.1, 0.1, 3);
  t.lines = {{"dense", true, {dense}},
             {"best", false, {of_seeds(10, 0, 1, 4)}},
             {"near", false, {of_seeds(11, 0, 1, 4)}},
             {"far", false, {of_seeds(20, 0, 1, 4)}},
             {"items", false, {of_seeds(10.5, 3, 1, 4)}},
             {"few", false, {of_seeds(12, 0, 1, 2)}}};
  report.tables = {t};
  const auto parts = variance_parts(report);
  REQUIRE(parts.size() == 4);  // neither dense nor two seeds
  CHECK(std::abs(parts[0].of_seeds - 1) < 1e-12);
  CHECK(parts[0].share == 1);
  // 2 / k <= 1 / 1.96^2: k = 8, four are there.
  CHECK(more_seeds(parts[1], parts[0]) == 4);
  CHECK(more_seeds(parts[2], parts[0]) == 0);
  CHECK(!more_seeds(parts[3], parts[0]));
  CHECK(std::abs(parts[3].share - 0.25 / 9.25) < 1e-12);
  const auto text = sheet_text(variance_sheet(report));
  CHECK(contains(text, "4 more seeds would settle it against best"));
  CHECK(contains(text, "told from best"));
  CHECK(contains(text, "more items, not seeds"));
}

TEST_CASE("bench variance: a row a cell of three seeds, else a sentence", "[front]") {
  TempDir folder;
  const auto db = (folder.path / "a.db").string();
  Size size;
  size.models = 1, size.tasks = 2, size.seeds = 3;
  {
    Store store(db);
    fill(store, size);
  }
  const auto ran = run("variance --db " + db + " --task arc_easy --format csv");
  CHECK(ran.code == 0);
  CHECK(contains(ran.output, "sd of a seed"));
  CHECK(contains(ran.output, "wanda"));
  const auto single = (folder.path / "b.db").string();
  size.seeds = 1;
  {
    Store store(single);
    fill(store, size);
  }
  const auto none = run("variance --db " + single);
  CHECK(none.code == 1);
  CHECK(contains(none.output, "no cell has three seeds"));
}
