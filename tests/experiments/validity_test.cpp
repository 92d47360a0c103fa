// Each rule of validity on a fault of its kind, and the whole way into the database.
#include "trial/validity.h"

#include "hydra/yaml/yaml.h"
#include "fixture.h"
#include "trial/run_trial.h"

using namespace bench;
using namespace bench::test;

namespace {

/// What the perplexity task says of a text; two windows of 64 tokens.
struct Measured {
  std::vector<Evidence> evidence;
  std::vector<Metric> metrics;
};
Measured measure(Value settings) {
  setenv("BENCH_HOME", root().c_str(), 1);
  auto& s = shipped("stories260k");
  Measured out;
  TaskContext c{*s.model, [&](const std::string& variant) {
                  return std::shared_ptr<const Tokenizer>(s.checkpoint.tokenizer(variant));
                }};
  static std::vector<std::string> texts;  // closures of a task end with it
  c.evidence = [&](const Evidence& e) {
    out.evidence.push_back(e);
    texts = e.texts();
    out.evidence.back().texts = [said = texts] { return said; };
  };
  out.metrics = Registry<Task>::instance().create("perplexity", std::move(settings))->run(c);
  return out;
}

Value text(const std::string& file, const std::string& label, int windows = 2) {
  return Value(Value::Map{{"text", file}, {"label", label}, {"windows", windows}, {"window", 64}});
}

/// "rule ok detail" of each verdict.
std::string judged(const Evidence& e, const RecordedModel& model = {}) {
  std::string all;
  for (const auto& v : judge_evidence(e, "stories260k", model))
    all += v.rule + (v.ok ? " ok " : " BROKEN ") + v.detail + "\n";
  return all;
}

const std::string kTest = "text/wikitext2/wiki.test.raw", kValid = "text/wikitext2/wiki.valid.raw";

}  // namespace

TEST_CASE("a part of a text says so in its name", "[validity]") {
  CHECK(measure(text(kTest, "wikitext2")).metrics[0].task == "wikitext2-first2@64");
  CHECK(measure(text(kTest, "mine-first2")).metrics[0].task == "mine-first2@64");
  CHECK(measure(text(kTest, "")).metrics[0].task == "wiki.test-first2@64");
  CHECK(data_set_of("arc_easy-5shot-first100") == "arc_easy");
  CHECK(data_set_of("wikitext2-first10") == "wikitext2");
  CHECK(data_set_of("first-class") == "first-class");
}

TEST_CASE("dataset_hash, row_count and window_count hold for the text that is meant",
          "[validity]") {
  const auto said = judged(measure(text(kTest, "wikitext2")).evidence.at(0));
  CHECK(contains(said, "dataset_hash ok"));
  CHECK(contains(said, "row_count ok wikitext2-first2@64 · wanda@8e8fc87: 4358 rows"));
  CHECK(contains(said, "window_count ok"));
  CHECK(!contains(said, "BROKEN"));
}

TEST_CASE("another text under the same name: three rules fail, with both counts", "[validity]") {
  const TempDir dir;
  const auto other = (dir.path / "wiki103.raw").string();
  std::ofstream(other) << slurp(root() / "data" / kTest) << slurp(root() / "data" / kValid);
  const auto e = measure(text(other, "wikitext2")).evidence.at(0);
  const auto said = judged(e);
  CHECK(contains(said, "dataset_hash BROKEN"));
  CHECK(contains(said, "another data set was loaded"));
  CHECK(contains(said,
                 "row_count BROKEN wikitext2-first2@64 · wanda@8e8fc87: 8118 rows; "
                 "wikitext2 has 4358"));
  CHECK(contains(said, "window_count BROKEN"));
  // The same where all windows are measured: both counts are in the sentence.
  auto whole = e;
  whole.limit = 0, whole.windows = e.ids / 64;
  CHECK(contains(judged(whole), fmt::format("{} windows of 64 out of {} ids; wikitext2 has {}",
                                            e.ids / 64, e.ids, 815066 / 64)));
}

TEST_CASE("the recorded number of ids is what window_count goes by", "[validity]") {
  auto e = measure(text(kTest, "wikitext2")).evidence.at(0);
  const auto model = recorded_model("stories260k");
  CHECK(!contains(judged(e, model), "BROKEN"));
  CHECK(contains(judged(e, model), "out of 815066 ids"));
  e.ids -= 1;  // as another assembly of the same bytes would give
  CHECK(contains(judged(e, model), "window_count BROKEN"));
  CHECK(contains(judged(e, model), "another tokenizer, or rows that were joined otherwise"));
  e.join = " ", e.ids += 1;
  CHECK(contains(judged(e, {}), "window_count ok"));
}

TEST_CASE("fewer windows than were asked for, under any name", "[validity]") {
  const TempDir dir;
  const auto small = (dir.path / "small.txt").string();
  std::ofstream(small) << slurp(root() / "data" / kTest).substr(0, 1000);
  const auto said = judged(measure(text(small, "mine", 500)).evidence.at(0));
  CHECK(contains(said, "window_count BROKEN"));
  CHECK(contains(said, "500 were asked for"));
  CHECK(!contains(said, "dataset_hash"));  // nothing is recorded of "mine"
}

TEST_CASE("tokenizer_hash: the model's, in the protocol's variant", "[validity]") {
  const auto model = recorded_model("stories260k");
  REQUIRE(!model.tokenizers.empty());
  auto settings = text(kTest, "wikitext2");
  CHECK(contains(judged(measure(settings).evidence.at(0), model), "tokenizer_hash ok"));
  settings.set("tokenizer", "hf5");
  const auto said = judged(measure(settings).evidence.at(0), model);
  CHECK(contains(said, "tokenizer_hash BROKEN"));
  CHECK(contains(said, "variant hf5; stories260k in the protocol's variant slow4"));
}

TEST_CASE("dense_gate: a recorded value and how far another may be off", "[validity]") {
  RecordedModel model;
  model.gates = {{"wikitext2@4096", "wanda@8e8fc87", "ppl", 5.12, 0.02, "wanda README"}};
  MetricRow m;
  m.task = "wikitext2@4096", m.protocol = "wanda@8e8fc87", m.name = "ppl";
  m.value = 5.13;
  CHECK(judge_gates({m}, model).at(0).ok);
  m.value = 7.72;
  const auto v = judge_gates({m}, model).at(0);
  CHECK(!v.ok);
  CHECK(contains(v.detail, "ppl 7.72, recorded 5.12 ± 0.02, wanda README"));
  m.value = kNone;
  CHECK(!judge_gates({m}, model).at(0).ok);
  m.task = "wikitext2@2048";
  CHECK(judge_gates({m}, model).empty());
}

TEST_CASE("sparsity_reached: half a point beyond whole rows", "[validity]") {
  CHECK(judge_sparsity({0.5, 0.496, 0}).ok);
  CHECK(!judge_sparsity({0.5, 0.49, 0}).ok);
  CHECK(judge_sparsity({0.5, 0.49, 0.01}).ok);
  CHECK(!judge_sparsity({0.4, 0.327, 0.001}).ok);  // LoRA grew weights back (wanda issue 83)
  CHECK(!judge_sparsity({0.5, 0.58, 0}).ok);       // ties: another column's number
  CHECK(contains(judge_sparsity({0.4, 0.327, 0}).detail, "32.700 %"));
}

TEST_CASE("seeds: the seed reaches every random source", "[validity]") {
  const auto config = [](int seed, int criterion, int data, const char* preset) {
    return Value(
        Value::Map{{"seed", seed},
                   {"criterion", Value(Value::Map{{"name", "random"}, {"seed", criterion}})},
                   {"data", Value(Value::Map{{"preset", preset}, {"seed", data}})}});
  };
  CHECK(judge_seeds(config(3, 3, 3, "wanda-c4"), true).at(0).ok);
  const auto deaf = judge_seeds(config(3, 3, 42, "llm-pruner"), true).at(0);
  CHECK(!deaf.ok);
  CHECK(contains(deaf.detail, "data.seed is 42: seed 3 does not reach it"));
  CHECK(judge_seeds(config(3, 3, 42, "llm-pruner"), false).at(0).ok);  // no data was read
  CHECK(judge_seeds(config(0, 7, 42, "wanda-c4"), true).at(0).ok);     // nothing was asked for
  CHECK(judge_seeds(config(3, 3, 42, "first"), true).at(0).ok);        // draws nothing
}

TEST_CASE("calibration_leak: WikiText-2 valid on itself, C4 not, the corpus' other part",
          "[validity]") {
  Workbench bench;
  const auto e = measure(text(kValid, "wikitext2-valid", 40)).evidence.at(0);
  const auto whole = [](const std::string& file) {
    return CalibrationSource{
        file, file, [file] { return std::vector<std::string>{slurp(root() / "data" / file)}; }};
  };
  const auto same = judge_leak(e, whole(kValid), bench);
  CHECK(!same.ok);
  CHECK(contains(same.detail, "calibrated on the evaluated file"));
  CHECK(contains(same.detail, "of the evaluation in the calibration (limit 1 %)"));
  const auto c4 = judge_leak(e, whole("text/c4/sample_c4-rp1.jsonl"), bench);
  CAPTURE(c4.detail);
  CHECK(c4.ok);
  const auto part = judge_leak(e, whole(kTest), bench);
  CHECK(!part.ok);
  CHECK(contains(part.detail, "the corpus wikitext2 of the evaluation"));
  // A copy under another name, with a line in front: no record knows it, the n-grams do.
  const TempDir dir;
  const auto copy = (dir.path / "copy.txt").string();
  std::ofstream(copy) << "A line of my own.\n" << slurp(root() / "data" / kValid);
  const auto copied =
      judge_leak(e, {copy, "copy", [&] { return std::vector<std::string>{slurp(copy)}; }}, bench);
  CHECK(!copied.ok);
  CHECK(contains(copied.detail, "is in the evaluation"));
}

namespace {

/// A whole trial on stories260k.
Outcome run_whole(const std::string& yaml) {
  setenv("BENCH_HOME", root().c_str(), 1);
  std::vector<std::string> mistakes;
  const auto plan =
      plan_trial(load_yaml("model: {name: stories260k}\nlauncher: {}\n" + yaml, "test"), mistakes);
  for (const auto& m : mistakes) FAIL(m);
  Workbench bench;
  return run_trial(plan.config, bench);
}

std::string verdicts_of(const Outcome& o) {
  std::string all;
  for (const auto& v : o.verdicts) all += v.rule + (v.ok ? " ok " : " BROKEN ") + v.detail + "\n";
  return all;
}

}  // namespace

TEST_CASE("a trial leaves a verdict for each rule that could be checked", "[validity]") {
  const auto o = run_whole(R"(sparsity: 0.5
seed: 5
criterion: {name: wanda}
data: {preset: wanda-wikitext2, file: text/wikitext2/wiki.valid.raw, nsamples: 4, seqlen: 64}
task:
  a: {name: perplexity, text: text/wikitext2/wiki.valid.raw, label: wikitext2-valid, windows: 2}
  b: {name: lm_eval, task: arc_easy, limit: 3}
)");
  const auto said = verdicts_of(o);
  CAPTURE(said);
  CHECK(contains(said, "mask_holds ok prune: 35 layers, "));
  CHECK(contains(said, "sparsity_reached ok 50.0"));
  CHECK(contains(said, "seeds BROKEN data.seed is 0: seed 5 does not reach it"));
  CHECK(contains(said, "dataset_hash ok wikitext2-valid-first2@512 · wanda@8e8fc87: "));
  CHECK(contains(said, "row_count ok arc_easy-first3 · lm-eval@0.4.13: 2376 rows"));
  CHECK(contains(said, "tokenizer_hash ok arc_easy-first3"));
  CHECK(contains(said, "calibration_leak BROKEN wikitext2-valid-first2@512"));
  CHECK(contains(said, "calibration_leak ok arc_easy-first3"));
}

TEST_CASE("the gates of the shipped models hold, and another model under a name does not",
          "[validity]") {
  const std::string task =
      "sparsity: 0\ntask:\n  t: {name: perplexity, text: text/wikitext2/wiki.test.raw, "
      "label: wikitext2, windows: 10}\n";
  CHECK(contains(verdicts_of(run_whole(task)), "dense_gate ok wikitext2-first10@512"));
  const TempDir dir;
  const auto other = dir.path / "other";
  std::filesystem::copy(root() / "data/models/opt-ts-1m", other);
  const auto path =
      fmt::format("model: {{name: stories260k, path: {}, tokenizer: auto}}\n", other.string());
  std::vector<std::string> mistakes;
  const auto plan = plan_trial(load_yaml(path + "launcher: {}\n" + task, "test"), mistakes);
  REQUIRE(mistakes.empty());
  Workbench bench;
  const auto said = verdicts_of(run_trial(plan.config, bench));
  CAPTURE(said);
  CHECK(contains(said, "tokenizer_hash BROKEN"));
  CHECK(contains(said, "window_count BROKEN"));
}
