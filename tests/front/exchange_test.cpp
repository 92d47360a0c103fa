// export-results and import, as a user types them.
#include <nlohmann/json.hpp>

#include "front/program.h"
#include "reports/synthetic.h"

using namespace bench;
using namespace bench::test;
using Json = nlohmann::ordered_json;

namespace {

namespace fs = std::filesystem;

/// Two trials with scores of items, one of them with a broken verdict; sizes beside them.
void fill_small(const std::string& path) {
  Store store(path);
  const auto spec = [](const char* id, const char* method, const char* pattern, double sparsity) {
    TrialSpec t;
    t.id = id;
    t.model = "tiny";
    t.method = method;
    t.pattern = pattern;
    t.sparsity = sparsity;
    const bool dense = t.method == "dense";
    t.identity = dense ? R"({"model":"aa11"})"
                       : fmt::format(R"({{"model":"aa11","criterion":{{"name":"{}"}}}})", method);
    t.config = R"({"model":{"name":"tiny"}})";
    return t;
  };
  const std::vector<TrialSpec> specs{spec("d0", "dense", "dense", 0),
                                     spec("w0", "wanda", "2:4", 0.5),
                                     spec("m0", "magnitude", "unstructured", 0.3)};
  store.submit(specs);
  for (const auto& t : specs) {
    store.claim({{t.id}, "w", "", 600, false, 0});
    Outcome o;
    const float last = t.method == "dense" ? 1.0f : 0.0f;
    o.metrics = {
        {"arc_easy",
         "lm-eval@0.4.13",
         "acc",
         (1 + last) / 4,
         0.25,
         4,
         "share",
         true,
         {1, 0, 0, last},
         "i1"},
        {"gsm8k",
         "lm-eval@0.4.13",
         "exact_match,strict-match",
         0.5,
         kNone,
         2,
         "share",
         true,
         {0, 1},
         "i2"},
        {"wiki@8", "wanda@1", "ppl", std::exp(1.5), 0.1, 2, "perplexity", false, {1, 2}, "i3"},
        {"size", "size@1", "bytes", 1000, kNone, 1, "bytes", false, {}, "", false}};
    if (t.method == "magnitude") o.verdicts = {{"mask_holds", false, "12 weights are not zero"}};
    store.finish(t.id, "w", o);
  }
}

std::string quoted(const fs::path& path) {
  return "'" + path.string() + "'";
}

/// The one file below a folder whose name begins so.
fs::path file_in(const fs::path& folder, const std::string& begin) {
  fs::path found;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().filename().string().starts_with(begin)) found = entry.path();
  return found;
}

/// As lm-eval writes them; the figures are made up.
constexpr const char* kResults = R"({
 "results": {
  "arc_easy": {"name": "arc_easy", "alias": "arc_easy", "sample_len": 4, "acc,none": 0.5,
               "acc_stderr,none": 0.288, "acc_norm,none": NaN, "acc_norm_stderr,none": "N/A"},
  "gsm8k": {"alias": "gsm8k", "exact_match,strict-match": 0.5,
             "exact_match_stderr,strict-match": 0.1},
  "mmlu": {"alias": "mmlu", "acc,none": 0.25, "sample_count": {"acc,none": 30}},
  "wikitext": {"alias": "wikitext", "word_perplexity,none": Infinity, " ,none": " "}},
 "versions": {"arc_easy": 1.0}, "n-shot": {"arc_easy": 0, "gsm8k": 5},
 "higher_is_better": {"arc_easy": {"acc": true, "acc_norm": true},
                       "wikitext": {"word_perplexity": false}},
 "n-samples": {"arc_easy": {"original": 2376, "effective": 4},
                "gsm8k": {"original": 2, "effective": 2}},
 "config": {"model": "hf", "model_args": "pretrained=org/tiny", "limit": 4.0,
             "model_dtype": "torch.float32"},
 "date": 1751000000.5, "lm_eval_version": "0.4.13", "transformers_version": "5.2.0",
 "model_source": "hf", "model_name": "org/tiny", "model_name_sanitized": "org__tiny"})";

constexpr const char* kDate = "2026-01-02T03-04-05.678901";

/// A results file with samples of one task; where it lies.
fs::path write_foreign(const fs::path& folder) {
  const auto path = folder / fmt::format("results_{}.json", kDate);
  std::ofstream(path) << kResults;
  std::ofstream samples(folder / fmt::format("samples_arc_easy_{}.jsonl", kDate));
  for (const int id : {1, 0, 2, 3})  // in any order
    samples << fmt::format(
        R"({{"doc_id": {0}, "doc": {{"q": "NaN \" x"}}, "filter": "none", "metrics": ["acc"], )"
        R"("doc_hash": "d{0}", "prompt_hash": "p{0}", "target_hash": "t{0}", "acc": {1}}})"
        "\n",
        id, id < 2 ? "1.0" : "false");
  return path;
}

}  // namespace

TEST_CASE("export-results writes lm-eval's layout, and what is not known is not there",
          "[front][exchange]") {
  TempDir folder;
  const auto db = folder.path / "a.db", out = folder.path / "out";
  fill_small(db);
  const auto words = "export-results --format lm-eval --db " + quoted(db) + " --out " + quoted(out);
  const Ran r = run(words);
  CHECK(r.code == 0);
  CHECK(contains(r.output, "8 files of 2 trials"));
  CHECK(contains(r.output, "3 marked INVALID"));
  CHECK(!fs::exists(out / "tiny__magnitude__unstructured-30%"));

  const auto wanda = out / "tiny__wanda__2__4";
  const auto path = file_in(wanda, "results_");
  const auto json = Json::parse(slurp(path));
  CHECK(json["model_name"] == "tiny/wanda/2:4");
  CHECK(json["model_name_sanitized"] == wanda.filename().string());
  const auto& arc = json["results"]["arc_easy"];
  CHECK(arc["alias"] == "arc_easy");
  CHECK(arc["acc,none"] == 0.25);
  CHECK(arc["acc_stderr,none"] == 0.25);
  CHECK(json["results"]["gsm8k"]["exact_match_stderr,strict-match"] == "N/A");
  CHECK(json["n-samples"]["arc_easy"] == Json{{"effective", 4}});  // of how many is not known
  CHECK(json["higher_is_better"]["wiki@8"]["ppl"] == false);
  CHECK(json["config"]["model_args"]["method"] == "wanda");
  CHECK(json["config"]["prunebench"]["tasks"]["arc_easy"]["protocol"] == "lm-eval@0.4.13");
  CHECK(!json["results"].contains("size"));
  CHECK(!json.contains("lm_eval_version"));

  const auto date = path.stem().string().substr(8);
  const auto lines = slurp(wanda / ("samples_arc_easy_" + date + ".jsonl"));
  CHECK(lines.substr(0, lines.find('\n')) ==
        R"({"doc_id":0,"filter":"none","metrics":["acc"],"acc":1.0})");
  CHECK(
      contains(slurp(wanda / ("samples_gsm8k_" + date + ".jsonl")), R"("filter":"strict-match")"));
  // A logarithm is no perplexity.
  CHECK(contains(slurp(wanda / ("samples_wiki@8_" + date + ".jsonl")), R"("ppl_item":2.0)"));

  const auto before = slurp(path);
  CHECK(run(words).code == 0);
  CHECK(slurp(path) == before);
  const Ran some = run(words + "2 --method wanda --task arc_easy --sparsity 50%");
  CHECK(contains(some.output, "2 files of 1 trial "));
}

TEST_CASE("mistakes of export-results and import are one sentence", "[front][exchange]") {
  TempDir folder;
  const auto db = folder.path / "a.db", out = folder.path / "out";
  fill_small(db);
  const auto end = " --db " + quoted(db) + " --out " + quoted(out);
  const std::pair<const char*, const char*> cases[] = {
      {"export-results", "--format is needed"},
      {"export-results --format lm_eval", "did you mean lm-eval"},
      {"export-results --format lm-eval --method wnada", "did you mean wanda"},
      {"export-results --format lm-eval --pattern 2:5", "--pattern"},
      {"export-results --format lm-eval --task arc_esay", "did you mean arc_easy"},
      {"export-results --format lm-eval --sparsity x", "no share"}};
  for (const auto& [words, part] : cases) {
    INFO(words);
    const Ran r = run(words + end);
    CHECK(r.code == 2);
    CHECK(contains(r.output, part));
    CHECK(!fs::exists(out));
  }
  const auto file = folder.path / "results_x.json";
  const std::pair<std::string, const char*> files[] = {
      {"", "is no JSON"},
      {"{\"results\": {\"arc", "is no JSON"},
      {"[1, 2]", "has no 'results'"},
      {R"({"results": [3]})", "has no 'results'"},
      {R"({"results": {"a": 3}, "model_name": "m"})", "results.a is no map"},
      {R"({"results": {"a": {"acc": 0.5}}, "model_name": "m"})", "METRIC,FILTER"},
      {R"({"results": {"a": {"acc,none": [1]}}, "model_name": "m"})", "results.a.acc,none"},
      {R"({"results": {"a": {"acc,none": 1}}})", "--model"},
      {std::string(20000, '['), "is no JSON"},
      {"{\"results\": {\"\xff\": {\"acc,none\": 1}}}", "is no JSON"}};
  const auto nothing = folder.path / "none.db";
  for (const auto& [text, part] : files) {
    INFO(text.substr(0, 60));
    std::ofstream(file) << text;
    const Ran r = run("import " + quoted(file) + " --db " + quoted(nothing));
    CHECK(r.code == 1);
    CHECK(contains(r.output, part));
    CHECK(r.output.find('\n') == r.output.size() - 1);
    CHECK(!fs::exists(nothing));
  }
  CHECK(run("import " + quoted(folder.path) + " --db " + quoted(nothing)).code == 1);
  CHECK(run("import " + quoted(folder.path / "no.json") + " --db " + quoted(nothing)).code == 1);
}

TEST_CASE("a file of lm-eval becomes foreign rows, once", "[front][exchange]") {
  TempDir folder;
  const auto db = folder.path / "a.db";
  fill_small(db);
  const auto file = write_foreign(folder.path);
  const auto words = "import " + quoted(file) + " --model tiny --method dense --db " + quoted(db);
  const Ran r = run(words);
  CHECK(r.code == 0);
  CHECK(r.output == "tiny dense dense, 5 numbers: imported\n");
  CHECK(run(words).output == "tiny dense dense, 5 numbers: there already\n");
  const Ran other = run("import " + quoted(file) + " --db " + quoted(db));
  CHECK(other.code == 1);
  CHECK(contains(other.output, "bench rm"));

  const Store store(db, Store::Mode::ReadOnly);
  const auto trials = store.trials();
  REQUIRE(trials.size() == 4);
  const auto& t = trials.back();
  CHECK(t.kind == "foreign");
  CHECK(t.state == "done");
  const auto o = store.outcome(t.id);
  CHECK(o.verdicts.empty());
  REQUIRE(o.metrics.size() == 5);
  const auto& acc = o.metrics[0];
  CHECK(acc.task == "arc_easy-first4");  // four of 2,376 documents are another task
  CHECK(acc.protocol == "lm-eval@0.4.13 foreign");
  CHECK(acc.items == std::vector<float>{1, 1, 0, 0});
  CHECK(acc.items_hash.size() == 64);
  CHECK(acc.stderr_ == 0.288);
  CHECK(std::isnan(o.metrics[1].value));
  CHECK(std::isnan(o.metrics[1].stderr_));
  CHECK(o.metrics[2].task == "gsm8k-5shot");
  CHECK(o.metrics[2].name == "exact_match,strict-match");
  CHECK(!o.metrics[2].directed);  // the file does not say
  CHECK(o.metrics[3].n == 30);
  CHECK(std::isinf(o.metrics[4].value));
}

TEST_CASE("foreign numbers and ours stand in one table and never in one column",
          "[front][exchange]") {
  TempDir folder;
  const auto db = folder.path / "a.db", out = folder.path / "out";
  fill_small(db);
  const auto at = " --db " + quoted(db);
  CHECK(run("export-results --format lm-eval --out " + quoted(out) + at).code == 0);
  const auto plain = run("report --full" + at).output;
  for (const char* setting : {"tiny", "tiny__wanda__2__4"})
    CHECK(run("import " + quoted(file_in(out / setting, "results_")) + at).code == 0);

  // Ours stay as they were; theirs have tables of their own, in the same model.
  const auto all = run("report --full" + at).output;
  CHECK(contains(all, plain.substr(0, plain.find("value ±"))));
  CHECK(contains(all, "tiny · arc_easy · protocol lm-eval@0.4.13 foreign"));
  CHECK(!contains(all, "weights not known"));
  const auto table = run("report --rows setting --task arc_easy" + at).output;
  CHECK(contains(table, "arc_easy · acc · lm-eval@0.4.13  "));
  CHECK(contains(table, "arc_easy · acc · lm-eval@0.4.13 foreign"));
  const auto csv = run("report --long --protocol 'lm-eval@0.4.13 foreign'" + at).output;
  CHECK(contains(csv, ",foreign,2:4,0.5,"));
  const auto page = folder.path / "page.html";
  CHECK(run("leaderboard --out " + quoted(page) + at).code == 0);
  CHECK(run("paired wanda magnitude" + at).code != 2);

  // Another program's row has no configuration of ours, and is not exported again.
  const auto id = Store(db, Store::Mode::ReadOnly).trials().back().id;
  const Ran shown = run("show --config " + id + at);
  CHECK(shown.code == 1);
  CHECK(contains(shown.output, "another program"));
  CHECK(contains(run("export-results --format lm-eval --out " + quoted(out) + "2" + at).output,
                 "2 foreign, left out"));
}

TEST_CASE("samples that do not fit their results are refused before anything is written",
          "[front][exchange]") {
  TempDir folder;
  const auto file = write_foreign(folder.path);
  const auto db = folder.path / "none.db";
  const auto samples = folder.path / fmt::format("samples_arc_easy_{}.jsonl", kDate);
  const auto whole = slurp(samples);
  std::ofstream(samples) << whole.substr(0, whole.size() - 5);
  const Ran cut = run("import " + quoted(file) + " --db " + quoted(db));
  CHECK(cut.code == 1);
  CHECK(contains(cut.output, ".jsonl:4: is no sample"));
  std::ofstream(samples) << whole.substr(0, whole.find('\n') + 1);
  const Ran few = run("import " + quoted(file) + " --db " + quoted(db));
  CHECK(few.code == 1);
  CHECK(contains(few.output, "1 of the 4 documents"));
  CHECK(!fs::exists(db));
  fs::remove(samples);
  CHECK(contains(run("import " + quoted(file) + " --db " + quoted(db)).output,
                 "org/tiny foreign foreign, 5 numbers: imported"));
  CHECK(contains(run("report --full --db " + quoted(db)).output, "foreign"));
  CHECK(contains(run("report --db " + quoted(db)).output, "acc (foreign)"));
  CHECK(contains(run("plot curve --db " + quoted(db)).output, "nothing to draw"));
}
