// Tables as papers print them.
#include "reports/layout.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "reports/long.h"
#include "reports/render.h"
#include "reports/rows_cases.h"
#include "reports/summary.h"
#include "test.h"

using namespace bench;
using namespace bench::test;

namespace {

/// Two methods under two patterns, dense, perplexity and two tasks with two metrics each.
RowsMaker sample() {
  RowsMaker m;
  const auto add = [&](const std::string& method, const std::string& pattern, double sparsity,
                       double ppl, double acc) {
    const auto id = m.trial(method, pattern, sparsity);
    m.rows.trials.back().config = R"({"data":{"nsamples":32},"seed":0})";
    m.metric(id, ppl, 0.5);
    for (const char* task : {"arc_easy", "piqa"}) {
      m.metric(id, acc, 0.03, task, "lm-eval@1", "acc", true);
      m.metric(id, acc + 0.1, 0.04, task, "lm-eval@1", "acc_norm", true);
    }
  };
  add("dense", "dense", 0, 10, 0.6);
  add("wanda", "unstructured", 0.5, 12, 0.5);
  add("magnitude", "unstructured", 0.5, 20, 0.4);
  add("wanda", "2:4", 0.5, 15, 0.45);
  add("flap", "head+neuron", 0.2, 14, 0.55);
  return m;
}

Report arranged(const RowsMaker& m, const Layout& layout) {
  return laid_out(pivot(m.rows, {}), layout);
}

}  // namespace

TEST_CASE("a row a setting, a column a task", "[layout]") {
  auto m = sample();
  m.read();
  Layout layout;
  layout.rows = "setting";
  layout.columns = {"task"};
  layout.means = {{"arc_easy", "piqa"}};
  const auto report = arranged(m, layout);
  REQUIRE(report.tables.size() == 2);  // structured ones apart
  const auto& t = report.tables[0];
  CHECK(t.title == "tiny");
  REQUIRE(t.columns.size() == 4);
  CHECK(t.columns[0].label == "wikitext2@512 · ppl");
  CHECK(t.columns[1].label == "arc_easy · acc");
  CHECK(t.columns[3].label == "mean of 2");
  REQUIRE(t.lines.size() == 4);
  CHECK(t.lines[0].method == "dense");
  CHECK(t.lines[1].method == "magnitude · unstructured 50%");
  CHECK(t.lines[3].method == "wanda · 2:4");
  CHECK(t.lines[3].cells[0].value == 15);
  CHECK(std::abs(t.lines[3].cells[3].value - 0.45) < 1e-12);
  CHECK(std::abs(t.lines[3].cells[3].error - 0.03 / std::sqrt(2.0)) < 1e-12);
  CHECK(report.tables[1].title == "tiny · structured");
  CHECK(report.tables[1].lines.back().method == "flap · head+neuron 20%");
  for (const auto& name : format_names()) {
    CAPTURE(name);
    const auto text = render(report, m.rows, format_named(name));
    CHECK(contains(text, name == "latex"      ? "arc\\_easy"
                         : name == "markdown" ? "arc\\_easy"
                                              : "arc_easy"));
    CHECK(contains(text, name == "csv" ? "mean acc" : "mean of 2"));
  }
  const auto json = nlohmann::json::parse(render(report, m.rows, Format::Json));
  CHECK(json["tables"][0]["rows"][3]["setting"] == "wanda · 2:4");
}

TEST_CASE("methods against tasks: one table a pattern and sparsity", "[layout]") {
  auto m = sample();
  m.read();
  Layout layout;
  layout.columns = {"task"};
  layout.patterns = {"unstructured"};
  layout.metrics = {"ppl", "acc_norm"};
  layout.rank = true;
  const auto report = arranged(m, layout);
  REQUIRE(report.tables.size() == 1);
  const auto& t = report.tables[0];
  CHECK(t.title == "tiny · unstructured 50%");
  REQUIRE(t.columns.size() == 4);
  CHECK(t.columns[1].label == "arc_easy · acc_norm");
  REQUIRE(t.lines.size() == 3);
  CHECK(t.lines[1].method == "magnitude");
  CHECK(t.lines[1].cells[3].value == 2);
  CHECK(t.lines[2].cells[3].value == 1);
  CHECK(t.lines[0].cells[3].reason == "the baseline");
}

TEST_CASE("models against sparsities, and what is none", "[layout]") {
  auto m = sample();
  m.model = "other";
  m.metric(m.trial("wanda", "unstructured", 0.5), 13, 0.5);
  m.read();
  Layout layout;
  layout.rows = "model";
  layout.methods = {"wanda"};
  const auto report = arranged(m, layout);
  bool found = false;
  for (const auto& t : report.tables)
    if (t.title == "wanda · wikitext2@512 · ppl · wanda@1") {
      found = true;
      REQUIRE(t.lines.size() == 2);
      CHECK(t.lines[0].method == "tiny");
      CHECK(t.lines[1].method == "other");
      CHECK(t.lines[1].cells[0].value == 13);
    }
  CHECK(found);
  layout.methods = {"wnada"};
  CHECK(contains(error_of([&] { arranged(m, layout); }), "did you mean wanda"));
  layout.methods.clear();
  layout.rows = "modle";
  CHECK(contains(error_of([&] { arranged(m, layout); }), "did you mean model"));
  layout.rows = "method";
  layout.columns = {"tsak"};
  CHECK(contains(error_of([&] { arranged(m, layout); }), "did you mean task"));
  layout.columns = {"task"};
  layout.means = {{"arc_easy", "boolq"}};
  CHECK(contains(error_of([&] { arranged(m, layout); }), "of its 2 tasks 1 stand"));
}

TEST_CASE("structured and unstructured never share a table", "[layout]") {
  auto m = sample();
  const auto whole = pivot(m.read(), {});
  const auto split = split_structures(whole);
  CHECK(split.tables.size() == 2 * whole.tables.size());
  for (const auto& t : split.tables) {
    std::set<bool> kinds;
    for (const auto& c : t.columns) kinds.insert(c.pattern == "head+neuron");
    CHECK(kinds.size() == 1);
    CHECK(t.lines.front().dense);
    for (const auto& line : t.lines)
      CHECK((line.dense || (line.method == "flap") == *kinds.begin()));
  }
}

TEST_CASE("tidy: a row a trial and metric, every key a column", "[layout]") {
  auto m = sample();
  const auto text = render_long(m.read(), {});
  CHECK(contains(text, "weights,config.data.nsamples,config.seed\r\n"));
  CHECK(std::count(text.begin(), text.end(), '\n') == 1 + 5 * 5);
  CHECK(contains(text, ",wanda,pruned,2:4,0.5,"));
  CHECK(contains(text, ",32,0\r\n"));
  const auto part = render_long(m.rows, {{}, {"piqa"}});
  CHECK(std::count(part.begin(), part.end(), '\n') == 1 + 5 * 2);
}

TEST_CASE("the end of a run fits one screen", "[layout]") {
  auto m = sample();
  m.trial("late", "unstructured", 0.5, "failed");
  m.rows.trials.back().error = "out of memory";
  const auto text = render_summary(m.read(), "x.db", false);
  CHECK(contains(text, "unstructured 50%  wanda 12.000"));
  CHECK(contains(text, "head+neuron 20%"));
  CHECK(contains(text, "dense"));
  CHECK(contains(text, "6 trials: 5 done, 1 failed"));
  CHECK(contains(text, "failed: tiny late unstructured 50% (id5): out of memory"));
  CHECK(contains(text, "next: bench report --full --db x.db"));
  CHECK(std::count(text.begin(), text.end(), '\n') < 24);
}
