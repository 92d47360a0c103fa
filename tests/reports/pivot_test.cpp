#include "reports/pivot.h"

#include <cmath>

#include "reports/rows_cases.h"
#include "results/verdict.h"
#include "test.h"

using namespace bench;
using namespace bench::test;

namespace {

bool any_note(const std::vector<std::string>& notes, const std::string& part) {
  for (const auto& note : notes) {
    if (contains(note, part)) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("dense comes first, differences are to it, the best is marked", "[reports]") {
  RowsMaker m;
  m.metric(m.trial("wanda", "unstructured", 0.5), 12, 0.5);
  m.metric(m.trial("magnitude", "unstructured", 0.5), 15);
  m.metric(m.trial("wanda", "2:4", 0.5), 20);
  m.metric(m.trial("dense", "dense", 0), 10, 0.25);
  const Report report = pivot(m.read(), {});
  REQUIRE(report.tables.size() == 1);
  const Table& t = report.tables[0];
  REQUIRE(t.lines.size() == 3);
  CHECK(t.lines[0].method == "dense");
  CHECK(t.lines[0].cells[0].value == 10);
  CHECK(!t.lines[0].cells[0].best);
  REQUIRE(t.columns.size() == 2);
  CHECK(t.columns[1].label == "2:4");
  CHECK(t.columns[0].label == "unstructured 50%");
  CHECK(t.lines[2].method == "wanda");
  CHECK(t.lines[2].cells[0].delta == 2);
  CHECK(t.lines[2].cells[0].error == 0.5);
  CHECK(t.lines[2].cells[0].best);
  CHECK(!t.lines[1].cells[0].best);
  CHECK(t.lines[1].cells[1].reason == "no trial");
}

TEST_CASE("windows, protocols, metrics and models never share a table", "[reports]") {
  RowsMaker m;
  const auto id = m.trial("wanda", "unstructured", 0.5);
  m.metric(id, 1);
  m.metric(id, 2, kNone, "wikitext2@2048");
  m.metric(id, 3, kNone, "wikitext2@512", "wanda@2");
  m.metric(id, 4, kNone, "wikitext2@512", "wanda@1", "bits");
  m.model = "other";
  m.metric(m.trial("wanda", "unstructured", 0.5), 5);
  CHECK(pivot(m.read(), {}).tables.size() == 5);
  CHECK(pivot(m.read(), {{"tiny"}, {"wikitext2@2048"}}).tables.size() == 1);
  CHECK(pivot(m.read(), {{}, {"wikitext2"}}).tables.size() == 5);
  CHECK(contains(error_of([&] { pivot(m.read(), {{"tiyn"}, {}}); }), "did you mean tiny"));
  CHECK(contains(error_of([&] { pivot(m.read(), {{}, {"wikitext3"}}); }), "wikitext2"));
}

TEST_CASE("a missing number has its reason", "[reports]") {
  RowsMaker m;
  m.metric(m.trial("a", "unstructured", 0.5), 1);
  m.trial("b", "unstructured", 0.5, "failed");
  m.trial("c", "unstructured", 0.5, "running");
  m.trial("d", "unstructured", 0.5, "pending");
  m.trial("e", "unstructured", 0.5, "interrupted");
  m.trial("f", "unstructured", 0.5, "done");
  const Report report = pivot(m.read(), {});
  const auto& lines = report.tables.at(0).lines;
  const std::vector<std::string> reasons{"no trial", "",        "failed",      "running",
                                         "not run",  "not run", "not measured"};
  REQUIRE(lines.size() == reasons.size());
  for (size_t i = 0; i < lines.size(); ++i) CHECK(lines[i].cells[0].reason == reasons[i]);
  CHECK(std::isnan(lines[1].cells[0].delta));  // there is no dense value
  CHECK(any_note(report.notes, "6 trials: 2 done, 1 failed, 1 interrupted, 1 pending, 1 running"));
  m.model = "bare";
  m.trial("a", "unstructured", 0.5, "failed");
  CHECK(any_note(pivot(m.read(), {}).notes, "no results yet for bare"));
}

TEST_CASE("several trials of a cell become a mean that says so", "[reports]") {
  RowsMaker m;
  m.metric(m.trial("random", "unstructured", 0.5, "done", R"({"criterion":{},"data":{"seed":1}})"),
           10, 3);
  m.metric(m.trial("random", "unstructured", 0.5, "done",
                   R"({"criterion":{"base_seed":7},"data":{"seed":2}})"),
           14, 3);
  const Table t = pivot(m.read(), {}).tables.at(0);
  CHECK(t.lines[1].cells[0].value == 12);
  CHECK(t.lines[1].cells[0].error_items == 3);  // both seeds saw the same items
  CHECK(t.lines[1].cells[0].error_seeds == 2);  // sqrt(((10-12)^2 + (14-12)^2) / 1 / 2)
  CHECK(t.lines[1].cells[0].error == std::hypot(3, 2));
  CHECK(t.lines[1].cells[0].spread == "2 seeds");
  CHECK(t.lines[1].cells[0].trials.size() == 2);
  CHECK(any_note(t.notes, "mean of 2 seeds"));
}

TEST_CASE("a row is one setting: its label and the keys in which the label's settings differ",
          "[reports]") {
  RowsMaker m;
  const auto add = [&](const std::string& method, const std::string& identity, double value) {
    m.metric(m.trial(method, "unstructured", 0.5, "done", identity), value);
    m.rows.trials.back().config =
        R"({"criterion":{"name":"wanda","alpha":1.0},"data":{"nsamples":128,"seqlen":64}})";
  };
  add("wanda", R"({"criterion":{"name":"wanda"},"data":{"nsamples":32}})", 10);
  add("wanda", R"({"criterion":{"name":"wanda"}})", 14);
  add("wanda", R"({"criterion":{"name":"wanda"},"data":{"nsamples":32,"seed":3}})", 12);
  add("ria", R"({"criterion":{"name":"ria"}})", 11);
  add("dense", R"({"criterion":{"name":"magnitude"}})", 99);  // a label, and a pruned model
  const Table t = pivot(m.read(), {}).tables.at(0);
  REQUIRE(t.lines.size() == 5);
  CHECK(t.lines[0].dense);
  CHECK(t.lines[0].cells[0].kind == Cell::Kind::Missing);
  CHECK(t.lines[1].method == "dense (pruned)");
  CHECK(t.lines[2].method == "ria");
  CHECK(t.lines[3].method == "wanda · nsamples 128");
  CHECK(t.lines[3].cells[0].value == 14);
  CHECK(t.lines[4].method == "wanda · nsamples 32");
  CHECK(t.lines[4].cells[0].value == 11);
  CHECK(t.lines[4].cells[0].spread == "2 seeds");
}

TEST_CASE("two weights under one name are two models, two item lists two tasks", "[reports]") {
  RowsMaker m;
  m.metric(m.trial("dense", "dense", 0, "done", R"({"model":"3f2a77"})"), 5);
  m.metric(m.trial("wanda", "unstructured", 0.5, "done", R"({"model":"3f2b88","criterion":{}})"),
           9);
  const auto tables = pivot(m.read(), {}).tables;
  REQUIRE(tables.size() == 2);
  CHECK(tables[0].model == "tiny @3f2a");
  CHECK(tables[1].model == "tiny @3f2b");
  CHECK(tables[1].lines[0].cells[0].kind == Cell::Kind::Missing);  // the dense row is the other's
  CHECK(pivot(m.read(), {{"tiny @3f2b"}, {}}).tables.size() == 1);
  CHECK(pivot(m.read(), {{"tiny"}, {}}).tables.size() == 2);
}

TEST_CASE("the best is marked with all that cannot be told from it", "[reports]") {
  RowsMaker m;
  std::vector<std::vector<float>> items(3, std::vector<float>(100));
  for (size_t i = 0; i < 100; ++i) {
    items[0][i] = i % 2 ? 1.0f : 0.0f;
    items[1][i] = i % 2 ? 1.0f : i < 6 ? 1.0f : 0.0f;  // 3 more are right, none less
    items[2][i] = i < 20 ? 1 - items[0][i] : items[0][i];
  }
  items[1][97] = 0, items[1][99] = 0;  // 2 less: inside the noise of 1
  const char* names[] = {"a", "b", "c"};
  for (size_t k = 0; k < 3; ++k) {
    double sum = 0;
    for (const float v : items[k]) sum += static_cast<double>(v);
    m.metric(m.trial(names[k], "unstructured", 0.5), sum / 100, 0.05, "piqa", "p@1", "acc", true);
    m.rows.metrics.back().metric.items = items[k];
    m.rows.metrics.back().metric.items_hash = "h";
  }
  // Far below: no items are needed.
  m.metric(m.trial("d", "unstructured", 0.5), 0.1, 0.03, "piqa", "p@1", "acc", true);
  // Half a point below, always by the same: the pairing tells it apart where the errors do not.
  m.metric(m.trial("e", "unstructured", 0.6), 0.50, 0.05, "piqa", "p@1", "acc", true);
  m.rows.metrics.back().metric.items = std::vector<float>(100, 0.50f);
  m.rows.metrics.back().metric.items_hash = "h";
  m.metric(m.trial("f", "unstructured", 0.6), 0.49, 0.05, "piqa", "p@1", "acc", true);
  m.rows.metrics.back().metric.items = std::vector<float>(100, 0.49f);
  m.rows.metrics.back().metric.items_hash = "h";
  const auto t = pivot(m.read(), {}).tables.at(0);
  const auto best = [&](size_t line, size_t column) { return t.lines[line].cells[column].best; };
  CHECK(best(1, 0));
  CHECK(best(2, 0));
  CHECK(best(3, 0));
  CHECK(!best(4, 0));
  CHECK(best(5, 1));
  CHECK(!best(6, 1));
  for (auto& metric : m.rows.metrics) metric.metric.directed = false;
  for (const auto& line : pivot(m.read(), {}).tables.at(0).lines)
    for (const auto& cell : line.cells) CHECK(!cell.best);
}

TEST_CASE("a broken verdict makes a number invalid and never the best", "[reports]") {
  RowsMaker m;
  m.metric(m.trial("dense", "dense", 0), 5);
  const auto bad = m.trial("cheat", "unstructured", 0.5);
  m.metric(bad, 1);
  m.metric(m.trial("fair", "unstructured", 0.5), 9);
  m.rows.broken.push_back({bad, {"mask_holds", false, "3 weights grew back"}});
  const Table t = pivot(m.read(), {}).tables.at(0);
  CHECK(std::string(mark_of(t.lines[1].cells[0])) == "INVALID");
  CHECK(!t.lines[1].cells[0].best);
  CHECK(t.lines[2].cells[0].best);
  CHECK(any_note(t.notes, "mask_holds: 3 weights grew back (trial id1)"));
}

TEST_CASE("a failed rule of a task marks the numbers of that task alone", "[reports]") {
  RowsMaker m;
  const auto id = m.trial("wanda", "unstructured", 0.5);
  m.metric(id, 1);
  m.metric(id, 2, kNone, "piqa", "lm-eval@1", "acc", true);
  m.rows.broken.push_back({id, task_verdict("row_count", false, "piqa", "lm-eval@1", "7 rows")});
  const auto tables = pivot(m.read(), {}).tables;
  REQUIRE(tables.size() == 2);
  CHECK(*mark_of(tables[0].lines[1].cells[0]) == '\0');
  CHECK(std::string(mark_of(tables[1].lines[1].cells[0])) == "INVALID");
  CHECK(any_note(tables[1].notes, "INVALID: row_count: piqa · lm-eval@1: 7 rows (trial id0)"));
}

TEST_CASE("a leak warns, and what leaks is never the best", "[reports]") {
  RowsMaker m;
  const auto id = m.trial("cheat", "unstructured", 0.5);
  m.metric(id, 1);
  m.metric(m.trial("fair", "unstructured", 0.5), 9);
  const auto leak = task_verdict("calibration_leak", false, "wikitext2@512", "wanda@1", "copied");
  m.rows.broken.push_back({id, leak});
  const Table t = pivot(m.read(), {}).tables.at(0);
  CHECK(std::string(mark_of(t.lines[1].cells[0])) == "LEAK");
  CHECK(!t.lines[1].cells[0].best);
  CHECK(t.lines[2].cells[0].best);
}

TEST_CASE("a pruned trial inherits the gate that its dense trial missed", "[reports]") {
  RowsMaker m;
  const std::string model = R"({"model":"abc"})";
  const auto dense = m.trial("dense", "dense", 0, "done", model);
  m.metric(dense, 7.72);
  m.metric(dense, 0.5, kNone, "piqa", "lm-eval@1", "acc", true);
  const auto pruned = m.trial("wanda", "unstructured", 0.5, "done", model);
  m.metric(pruned, 8);
  m.metric(pruned, 0.4, kNone, "piqa", "lm-eval@1", "acc", true);
  m.metric(m.trial("other", "unstructured", 0.5, "done", R"({"model":"def"})"), 9);
  m.rows.broken.push_back(
      {dense, task_verdict("dense_gate", false, "wikitext2@512", "wanda@1", "7.72, not 5.12")});
  const auto tables = pivot(m.read(), {}).tables;
  REQUIRE(tables.size() == 3);
  REQUIRE(tables[0].lines.size() == 2);
  for (const size_t line : {0, 1})
    CHECK(std::string(mark_of(tables[0].lines[line].cells[0])) == "INVALID");
  CHECK(*mark_of(tables[1].lines[1].cells[0]) == '\0');  // another task
  CHECK(*mark_of(tables[2].lines[1].cells[0]) == '\0');  // other weights under the same name
  CHECK(contains(tables[0].lines[1].cells[0].invalid.at(0), "of the dense trial id0"));
}

TEST_CASE("seeds: a cell of fewer seeds than asked for is INVALID", "[reports]") {
  RowsMaker m;
  const auto add = [&](int seed, const std::string& method, const std::string& more) {
    const auto id = m.trial(method, "unstructured", 0.5, "done",
                            fmt::format(R"({{"seed":{},"data_bytes":"x"}})", seed));
    m.rows.trials.back().config = fmt::format(R"({{"seeds":3,"seed":{}{}}})", seed, more);
    m.metric(id, 10 + seed);
  };
  const std::string drawn = R"(,"data":{"seed":0})";
  for (const int seed : {0, 1}) add(seed, "two", drawn);
  for (const int seed : {0, 1, 2}) add(seed, "three", drawn);
  add(0, "fixed", "");  // nothing is drawn: one trial is all there is
  const Table t = pivot(m.read(), {}).tables.at(0);
  REQUIRE(t.lines.size() == 4);
  CHECK(t.lines[1].cells[0].invalid.empty());
  CHECK(t.lines[2].cells[0].invalid.empty());
  CHECK(t.lines[3].cells[0].invalid.at(0) == "seeds: 2 of the 3 that were asked for");
}

TEST_CASE("no table mixes item lists: they become two tasks", "[reports]") {
  RowsMaker m;
  m.metric(m.trial("wanda", "unstructured", 0.5), 10);
  m.metric(m.trial("magnitude", "unstructured", 0.5), 11);
  m.rows.metrics[0].metric.items_hash = "aaaa1";
  m.rows.metrics[1].metric.items_hash = "aaab1";
  const auto tables = pivot(m.read(), {}).tables;
  REQUIRE(tables.size() == 2);
  CHECK(tables[0].task == "wikitext2@512 @aaaa");
  CHECK(tables[1].task == "wikitext2@512 @aaab");
  CHECK(pivot(m.rows, {{}, {"wikitext2@512"}}).tables.size() == 2);
  CHECK(pivot(m.rows, {{}, {"wikitext2"}}).tables.size() == 2);
}

TEST_CASE("models side by side: only what is measured alike", "[reports]") {
  RowsMaker m;
  m.metric(m.trial("dense", "dense", 0), 5);
  m.metric(m.trial("wanda", "unstructured", 0.5), 10);
  m.model = "other";
  m.metric(m.trial("dense", "dense", 0), 6);
  m.metric(m.trial("magnitude", "unstructured", 0.5), 12);
  Selection across;
  across.across_models = true;
  const auto joint = pivot(m.read(), across).tables;
  REQUIRE(joint.size() == 1);
  REQUIRE(joint[0].columns.size() == 2);
  CHECK(joint[0].columns[1].label == "other unstructured 50%");
  REQUIRE(joint[0].lines.size() == 3);
  CHECK(joint[0].lines[0].cells[0].value == 5);
  CHECK(joint[0].lines[0].cells[1].value == 6);
  CHECK(joint[0].lines[1].cells[0].reason == "no trial");
  CHECK(joint[0].lines[1].cells[1].value == 12);

  m.metric(m.trial("wanda", "unstructured", 0.5), 9, kNone, "wikitext2@256", "wanda@2");
  const auto said = error_of([&] { pivot(m.read(), across); });
  CHECK(contains(said, "mix windows and protocols"));
  CHECK(contains(said, "wikitext2@512 by wanda@1: tiny dense dense 0% (trial id0), tiny wanda"));
  CHECK(contains(said, "wikitext2@256 by wanda@2: other wanda unstructured 50% (trial id4)"));
  CHECK(contains(said, "--task wikitext2@256 --protocol wanda@1"));
  across.protocols = {"wanda@1"};
  CHECK(pivot(m.read(), across).tables.size() == 1);
  CHECK(contains(error_of([&] {
                   pivot(m.read(), {{}, {}, {"wnada@1"}});
                 }),
                 "did you mean wanda@1"));
}

TEST_CASE("NaN is a number that never wins; measured sparsity is of the first stage", "[reports]") {
  RowsMaker m;
  const auto a = m.trial("a", "unstructured", 0.5);
  m.metric(a, kNone);
  m.metric(m.trial("b", "unstructured", 0.5), 3);
  m.rows.sparsity.push_back({a, {"prune", "model", "prunable weights", 10, 4, 5}});
  m.rows.sparsity.push_back({a, {"prune", "model", "parameters", 100, 4, 5}});
  m.rows.sparsity.push_back({a, {"shrink", "model", "prunable weights", 5, 0, 0}});
  const Table t = pivot(m.read(), {}).tables.at(0);
  CHECK(t.lines[1].cells[0].kind == Cell::Kind::Value);
  CHECK(t.lines[1].cells[0].measured == 0.5);
  CHECK(!t.lines[1].cells[0].best);
  CHECK(t.lines[2].cells[0].best);
}

TEST_CASE("a ledger without trials is an empty report", "[reports]") {
  const Report report = pivot({}, {});
  CHECK(report.tables.empty());
  CHECK(any_note(report.notes, "0 trials"));
}
