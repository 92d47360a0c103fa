#include "reports/reproduce.h"
#include "reports/fill_command.h"

#include <algorithm>
#include <cmath>

#include "reports/rows_cases.h"
#include "test.h"

using namespace bench;
using namespace bench::test;

namespace {

Published published() {
  return read_published((root() / "results/published").string());
}

/// Wanda's Table 3 on two small stand-ins for its models.
struct Fixture {
  Published all = published();
  std::vector<const PublishedRow*> table = table_named(all, "wanda:table3");
  RowsMaker m;
  JoinOptions options{{{"LLaMA-7B", "seven"}}, {}, {"wanda", "magnitude", "sparsegpt"}, {"boolq"}};

  Fixture() { m.model = "seven"; }
  void measure(const std::string& method, const std::string& pattern, double sparsity, double value,
               const std::string& task = "wikitext2@2048",
               const std::string& protocol = "wanda@8e8fc87") {
    m.metric(m.trial(method, pattern, sparsity), value, 0.02, task, protocol);
  }
  Reproduced of(const std::string& model, const std::string& method,
                const std::string& pattern) const {
    for (const auto& r : reproduce(table, all, m.rows, options))
      if (r.row->model == model && r.row->method == method && r.row->pattern == pattern) return r;
    FAIL("no such row");
    return {};
  }
};

}  // namespace

TEST_CASE("the published numbers are all read", "[reports]") {
  const auto all = published();
  CHECK(all.rows.size() == 2987);
  const auto count = [&](const char* pattern) {
    return std::count_if(all.rows.begin(), all.rows.end(),
                         [&](const auto& r) { return r.pattern == pattern; });
  };
  CHECK(count("structured") == 1025);
  CHECK(count("unstructured") == 999);
  CHECK(count("2:4") == 674);
  CHECK(count("4:8") == 289);
  CHECK(table_named(all, "Wanda:Table 3").size() == 70);
}

TEST_CASE("papers and tables are found by letters and digits, else the near ones", "[reports]") {
  const auto all = published();
  CHECK(table_named(all, "wanda:table17")[0]->table == "Table 17 (mean of 5 seeds)");
  CHECK(contains(error_of([&] { table_named(all, "wanda:table1"); }), "did you mean Table 1"));
  CHECK(contains(error_of([&] { table_named(all, "wnada:table3"); }), "did you mean Wanda"));
  CHECK(
      contains(error_of([&] { table_named(all, "wanda"); }), "which table of Wanda? its tables: "));
  CHECK(contains(error_of([&] { table_named(all, "zzzzzzzz:1"); }), "known: Wanda, SparseGPT"));
  CHECK(contains(list_published(all, ""), "RigL\n  README "));
  CHECK(!contains(list_published(all, "wanda"), "RigL"));
}

TEST_CASE("a number is joined by model, method, pattern, sparsity and window", "[reports]") {
  Fixture f;
  f.measure("dense", "dense", 0, 5.69);
  f.measure("wanda", "unstructured", 0.5, 7.9);
  f.measure("wanda", "unstructured", 0.6, 1);  // another sparsity
  f.measure("wanda", "2:4", 0.5, 11.5);
  const auto dense = f.of("LLaMA-7B", "Dense", "unstructured");
  CHECK(dense.ours == 5.69);
  CHECK(dense.verdict == "same");  // 5.68, rounding 0.005 and half a percent
  CHECK(dense.protocol == "wanda@8e8fc87");
  const auto half = f.of("LLaMA-7B", "Wanda", "unstructured");
  CHECK(half.row->value == "7.26");
  CHECK(half.verdict == "differs");
  CHECK(std::abs(half.delta - 0.64) < 1e-9);
  CHECK(f.of("LLaMA-7B", "Wanda", "2:4").verdict == "same");  // 11.53 ± 0.005 ± 0.9 %
  CHECK(f.of("LLaMA-7B", "Wanda", "4:8").verdict == "missing");
  CHECK(f.of("LLaMA-13B", "Wanda", "2:4").verdict == "missing");
}

TEST_CASE("windows are never mixed, and protocols only by the paper or a choice", "[reports]") {
  Fixture f;
  f.measure("dense", "dense", 0, 5.68, "wikitext2@512");
  const auto other = f.of("LLaMA-7B", "Dense", "unstructured");
  CHECK(other.verdict == "missing");
  CHECK(contains(other.reason, "wikitext2@512 is another number"));
  f.measure("dense", "dense", 0, 9, "wikitext2@2048", "a@1");
  CHECK(f.of("LLaMA-7B", "Dense", "unstructured").protocol == "a@1");  // the only one
  f.measure("dense", "dense", 0, 9, "wikitext2@2048", "b@1");
  CHECK(contains(f.of("LLaMA-7B", "Dense", "unstructured").reason, "several protocols (a@1, b@1)"));
  f.options.protocols = {"b@1"};
  CHECK(f.of("LLaMA-7B", "Dense", "unstructured").protocol == "b@1");
  f.options.protocols.clear();
  f.measure("dense", "dense", 0, 5.68);
  CHECK(f.of("LLaMA-7B", "Dense", "unstructured").protocol == "wanda@8e8fc87");
}

TEST_CASE("an INVALID number reproduces nothing", "[reports]") {
  Fixture f;
  f.measure("dense", "dense", 0, 5.68);
  f.m.rows.broken.push_back({"id0", {"dataset_hash", false, "wikitext2@2048 · wanda@8e8fc87: x"}});
  CHECK(f.of("LLaMA-7B", "Dense", "unstructured").verdict == "INVALID");
}

TEST_CASE("every missing cell has a reason or a command", "[reports]") {
  Fixture f;
  for (const auto& r : reproduce(f.table, f.all, f.m.rows, f.options)) {
    CHECK(r.verdict == "missing");
    CHECK(!r.reason.empty());
    CHECK(fill_command(r.fill).rfind("bench run configs/reproduce.yaml", 0) == 0);
  }
  CHECK(fill_command(f.of("LLaMA-2-7B", "Wanda", "2:4").fill) ==
        "bench run configs/reproduce.yaml model.name=llama-2-7b "
        "model.path=hf:meta-llama/Llama-2-7b-hf ++task.wikitext2.window=4096 criterion=wanda "
        "pattern=2of4");
  CHECK(
      contains(fill_command(f.of("LLaMA-7B", "Wanda", "unstructured").fill), "model.name=seven "));
  f.table = table_named(f.all, "wanda:table22");
  CHECK(fill_command(f.of("LLaMA-13B", "Dense", "unstructured").fill) ==
        "bench run configs/reproduce.yaml model.name=llama-13b model.path=hf:huggyllama/llama-13b "
        "task=[boolq] sparsity=0");
  const auto tasks = reproduce(f.table, f.all, {}, f.options);
  CHECK(std::any_of(tasks.begin(), tasks.end(), [](const auto& r) {
    return r.reason == "the task 'rte' is not here" && r.fill.empty();
  }));
  const auto owl = reproduce(table_named(f.all, "OWL:README"), f.all, {}, f.options);
  CHECK(std::any_of(owl.begin(), owl.end(), [](const auto& r) {
    return r.reason == "the method 'OWL+Wanda' is not here" && r.fill.empty();
  }));
}

TEST_CASE("a printed mean is joined where all of its tasks are there", "[reports]") {
  Fixture f;
  f.table = table_named(f.all, "llm-pruner:table1");
  f.options.tasks = {"boolq",    "piqa",          "hellaswag", "winogrande",
                     "arc_easy", "arc_challenge", "openbookqa"};
  const auto dense = [&] {
    for (const auto& r : reproduce(f.table, f.all, f.m.rows, f.options))
      if (r.row->method == "Dense (authors prompts)" && r.row->metric == "mean_acc") return r;
    return Reproduced{};
  };
  const auto id = f.m.trial("dense", "dense", 0);
  const auto add = [&](const char* task, double value) {
    f.m.metric(id, value, 0.01, task, "llm-pruner@128a07d", "acc", true);
  };
  for (const char* task : {"boolq", "piqa", "hellaswag", "winogrande", "arc_easy", "arc_challenge"})
    add(task, 0.6);
  CHECK(dense().verdict == "missing");
  CHECK(contains(dense().reason, "openbookqa"));
  add("openbookqa", 0.53);
  CHECK(std::abs(dense().ours - 59) < 1e-9);  // (6 x 60 + 53) / 7
}

TEST_CASE("published beside ours in four formats", "[reports]") {
  Fixture f;
  f.measure("dense", "dense", 0, 5.69);
  const auto list = reproduce(f.table, f.all, f.m.rows, f.options);
  const auto text = render_reproduced(list, f.m.rows, "table");
  CHECK(contains(text, "70 numbers: "));
  CHECK(contains(text, "missing:\n  LLaMA-13B · Dense"));
  CHECK(contains(text, "    bench run configs/reproduce.yaml"));
  CHECK(contains(render_reproduced(list, f.m.rows, "markdown"),
                 "| ppl wikitext2@2048 | 5.68 | 5.690 | +0.010 |"));
  CHECK(contains(render_reproduced(list, f.m.rows, "latex"), "& 5.68 & 5.690 & $+0.010$ &"));
  const auto sheet = render_reproduced(list, f.m.rows, "csv");
  CHECK(contains(sheet,
                 "Wanda,Table 3,LLaMA-7B,Dense,unstructured,0,none,ppl,wikitext2@2048,5.68,"
                 "5.69,0.02,"));
  CHECK(contains(error_of([&] { render_reproduced(list, {}, "cvs"); }), "did you mean csv"));
}

TEST_CASE("one sweep fills what is missing of a table, each trial once", "[reports]") {
  const std::vector<std::vector<std::string>> missing{
      {"model.name=a", "++task.wikitext2.window=2048", "sparsity=0"},
      {},  // nothing here can
      {"model.name=a", "++task.wikitext2.window=2048", "sparsity=0"},
      {"model.name=b", "model.path=FOLDER", "sparsity=0"},
      {"model.name=c", "task=[x,y]", "criterion=wanda"}};
  CHECK(fill_sweep(missing) ==
        "# Made by bench reproduce --sweep: 2 trials that fill a table; 1 more want a file or a "
        "folder "
        "of yours.\ndefaults: [reproduce, _self_]\nsweep:\n"
        "  - {\"model.name\": \"a\", \"++task.wikitext2.window\": \"2048\", \"sparsity\": \"0\"}\n"
        "  - {\"model.name\": \"c\", \"task\": \"[x,y]\", \"criterion\": \"wanda\"}\n");
  CHECK(fill_sweep({{}}).empty());
}
