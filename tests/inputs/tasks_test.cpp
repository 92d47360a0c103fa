// Task files and data files as people bring them: the right number through the user's command, or
// one sentence (docs/decisions/inputs.md).
#include "inputs/program.h"

using namespace bench;
using namespace bench::test;

namespace {

bool near(double value, double expected) {
  return std::abs(value - expected) < 1e-9;
}

void check_acc(const std::string& yaml, double acc, double acc_norm) {
  INFO(yaml);
  const auto m = measured_case(yaml);
  INFO(m.said);
  CHECK(m.code == 0);
  CHECK(near(m.metric("acc"), acc));
  if (acc_norm >= 0) CHECK(near(m.metric("acc_norm"), acc_norm));
}

/// A copy of a shipped model in which some files are replaced.
std::string model_with(const TempDir& dir, const std::string& replacements) {
  const auto to = dir.path / "model";
  std::filesystem::copy(root() / "data/models/opt-ts-1m", to);
  if (replacements == "eos_list_config") std::filesystem::remove(to / "generation_config.json");
  for (const auto& f : std::filesystem::directory_iterator(case_file(replacements)))
    if (f.path().extension() == ".json")
      std::filesystem::copy(f.path(), to / f.path().filename(),
                            std::filesystem::copy_options::overwrite_existing);
  return to.string();
}

}  // namespace

TEST_CASE("inputs: columns of CSV have types", "[inputs]") {
  for (const char* name : {"csv_int_truth", "csv_int_field", "csv_int_arith", "csv_bom"})
    check_acc(std::string("csv_types/") + name + ".yaml", 0.55, 0.45);
  check_acc("csv_types/csv_zip.yaml", 0.60, 0.45);
}

TEST_CASE("inputs: labels are booleans, lists, or no choice at all", "[inputs]") {
  check_acc("labels/gold_bool.yaml", 0.45, 0.55);
  check_acc("labels/gold_list.yaml", 0.25, -1);
  const auto high = measured_case("labels/gold_high.yaml");
  CHECK(near(high.metric("acc"), 0.10));
  CHECK(near(high.metric("acc_norm"), 0.05));
  CHECK(high.metric("labels_beyond") > 0);
}

TEST_CASE("inputs: Python's NaN in JSON lines", "[inputs]") {
  check_acc("nan_in_jsonl/jl_nan.yaml", 0.5, 0.4);
}

TEST_CASE("inputs: where examples come from", "[inputs]") {
  check_acc("fewshot_own_document/fs_first.yaml", 0.30, -1);
  const auto examples = [](const std::string& yaml, const std::string& protocol) {
    const auto ran = run("show request " + case_file("fewshot_own_document/" + yaml) +
                         " 0 --model opt-ts-1m --json --count 1 --protocol " + protocol);
    INFO(ran.output);
    size_t count = 0;
    const auto line = ran.output.substr(0, ran.output.find('\n'));
    for (size_t at = 0; (at = line.find("\\n\\n", at)) != std::string::npos; ++at) ++count;
    return count;
  };
  CHECK(examples("fs3.yaml", "lm-eval@0.4.13") == 3);
  CHECK(examples("fs_first.yaml", "lm-eval@0.4.13") == 3);
  CHECK(examples("gen_fs0.yaml", "lm-eval@0.4.13") == 2);
  CHECK(examples("fs_first.yaml", "lm-eval@0.4.9.1") == 2);  // itself is dropped
  CHECK(run("show request openbookqa 7 --fewshot 5").code == 0);
  CHECK(run("show request " + case_file("peer_fewshot/test_only/t.yaml") + " 0 --fewshot 2").code ==
        0);
  TempDir dir;
  std::ofstream(dir.path / "t.yaml")
      << "task: t\ndataset_path: json\ntest_split: test\ntraining_split: train\n"
         "output_type: loglikelihood\ndoc_to_text: text\ndoc_to_target: \" x\"\n";
  const auto documents = " --documents " + case_file("peer_fewshot/test_only/test.jsonl");
  const auto file = (dir.path / "t.yaml").string();
  CHECK(run("show request " + file + " 0" + documents).code == 0);
  const auto refused = run("show request " + file + " 0 --fewshot 1" + documents);
  CHECK(refused.code != 0);
  CHECK(contains(refused.output, "'train'"));
  CHECK(contains(refused.output, "fewshot_documents"));
  CHECK(run("show request " + file + " 0 --fewshot 1" + documents + " --fewshot-documents " +
            case_file("peer_fewshot/test_only/test.jsonl"))
            .code == 0);
}

TEST_CASE("inputs: blank contexts are left out and said", "[inputs]") {
  const auto m = measured_case("blank_context/perm_1.yaml", "model=bloom-ts-1m");
  CHECK(m.code == 0);
  CHECK(m.metric("left_out") == 4);
  CHECK(m.metric("acc") == 1);
  for (const char* name : {"blank_mid", "blank_mid1"})
    CHECK(measured_case(std::string("blank_context/") + name + ".yaml", "model=bloom-ts-1m").code ==
          0);
  const auto first = measured_case("blank_context/permok_0.yaml"),
             third = measured_case("blank_context/permok_3.yaml");
  CHECK(near(first.metric("acc"), third.metric("acc")));
  const auto alone = asked("score bloom-ts-1m", "{\"context\":\" \",\"continuation\":\"x\"}\n");
  CHECK(alone.code != 0);
  CHECK(contains(alone.output, "standard input:1: a context has no token"));
}

TEST_CASE("inputs: BOS that is there already is not put twice", "[inputs]") {
  const auto ran = asked("score opt-ts-1m --protocol lm-eval@0.4.13",
                         "{\"context\":\"</s>\",\"continuation\":\"Once\"}\n");
  CHECK(contains(ran.output, "\"logprob\":-0.48467"));
}

TEST_CASE("inputs: what ends a generation, and what its text leaves out", "[inputs]") {
  for (const char* kind : {"eos_list", "eos_list_config"}) {
    TempDir dir;
    const auto model = model_with(dir, kind);
    const auto yaml = std::string(kind) == "eos_list" ? "gen_eoslist.yaml" : "gen_eoscfg.yaml";
    const auto m =
        measured_case(std::string(kind) + "/" + yaml, "model.name=x +model.path=" + model);
    INFO(m.said);
    CHECK(m.metric("exact_match") == 1);
    const auto ran = run("generate " + model + " 'Tom had' --max-new-tokens 16");
    CHECK(contains(ran.output,
                   "\"ids\":[262,432,962,344,364,423,17],\"text\":\" a big box with his "
                   "mom.\",\"stop\":\"eos\""));
  }
  CHECK(near(measured_case("generate_with_choices/gen_choice.yaml").metric("exact_match"), 0.4));
}

TEST_CASE("inputs: wikitext as pages in JSON lines", "[inputs]") {
  const auto ran = run("show request wikitext 4 --json --documents " +
                       case_file("peer_wikitext_jsonl/test.jsonl"));
  CHECK(ran.code == 0);
  CHECK(contains(
      run("show request wikitext 5 --documents " + case_file("peer_wikitext_jsonl/test.jsonl"))
          .output,
      "has 5 items"));
}

TEST_CASE("inputs: tojson, and a text in brackets", "[inputs]") {
  const auto shown = [](const std::string& yaml, int item) {
    return run("show request " + case_file("peer_jinja/" + yaml) + " " + std::to_string(item) +
               " --json --count 1")
        .output;
  };
  CHECK(contains(shown("j_bracket_text.yaml", 0), "\"context\":\"[&]\""));
  // "[{\"n\": ...": the context is JSON in JSON.
  CHECK(
      contains(shown("j_json.yaml", 0), "\"context\":\"[{\\\"n\\\": \\\"1,000\\\", \\\"v\\\": 3}"));
}

TEST_CASE("inputs: one task's failure keeps the other's numbers", "[inputs]") {
  TempDir dir;
  std::ofstream(dir.path / "bad.jsonl")
      << "{\"q\": \"a\", \"choices\": [\"x\", \"y\"], \"gold\": 0}\n"
      << "{\"q\": \"a\", \"choices\": [], \"gold\": 0}\n";
  std::ofstream(dir.path / "bad.yaml")
      << "task: bad\ndataset_path: bad.jsonl\ntest_split: test\noutput_type: multiple_choice\n"
         "doc_to_text: q\ndoc_to_choice: choices\ndoc_to_target: gold\n";
  const auto m = measured_case("labels/gold_bool.yaml", "++task.z.name=lm_eval ++task.z.task=" +
                                                            (dir.path / "bad.yaml").string());
  INFO(m.said);
  CHECK(m.code == 1);
  CHECK(m.trial.state == "done");
  CHECK(near(m.metric("acc"), 0.45));
  REQUIRE(m.outcome.failed_tasks.size() == 1);
  CHECK(m.outcome.failed_tasks[0].task == "z");
  CHECK(contains(m.outcome.failed_tasks[0].why, "gives no choice"));
  CHECK(contains(m.said, "failed: task z"));
}
