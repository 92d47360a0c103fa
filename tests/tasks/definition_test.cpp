// Task files of lm-eval's form: as written upstream, few-shot examples, mistakes.
#include "tasks/answers.h"
#include "data/documents.h"
#include "tasks/prompts.h"
#include "test.h"

using namespace bench;
using namespace bench::test;

namespace {

struct Folder : TempDir {
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path / name) << text;
    return (path / name).string();
  }
};

std::string numbered(int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += fmt::format("{{\"q\": \"q{}\", \"a\": \"a{}\"}}\n", i, i);
  return out;
}

const std::string kPlain =
    "task: t\ndataset_path: d.jsonl\noutput_type: generate_until\n"
    "doc_to_text: \"Q: {{q}}\\nA:\"\ndoc_to_target: \"{{a}}\"\n";

std::vector<Question> asked(const std::string& file, int64_t shots = -1) {
  return Prompts(read_task(file), shots, "").questions(0);
}

}  // namespace

TEST_CASE("tasks: few-shot examples are drawn as random.Random(1234) draws them", "[tasks]") {
  // random.Random(1234).sample(range(100), 5), twice: [99,56,14,0,11], [74,4,85,88,10].
  Folder dir;
  dir.write("d.jsonl", numbered(100));
  const auto shot = [](int i) { return fmt::format("Q: q{}\nA: a{}\n\n", i, i); };
  const std::string two =
      "dataset_kwargs: {data_files: {test: d.jsonl, train: d.jsonl}}\ntest_split: test\n"
      "training_split: train\n";
  const auto train = dir.write("a.yaml", kPlain + two);
  const auto other = asked(train, 5);
  // Where no split of examples is named, the document may be one of them; up to 0.4.9.1 it was left
  // out and not replaced.
  CHECK(other[0].contexts[0] == shot(99) + shot(56) + shot(14) + shot(0) + shot(11) + "Q: q0\nA:");
  const DocumentRules older{DocumentRules::Own::Dropped, DocumentRules::Sides::Left, false, false};
  CHECK(Prompts(read_task(train), 5, "").questions(1, older)[0].contexts[0] ==
        shot(99) + shot(56) + shot(14) + shot(11) + "Q: q0\nA:");
  CHECK(other[1].contexts[0] == shot(74) + shot(4) + shot(85) + shot(88) + shot(10) + "Q: q1\nA:");
  // From the scored split itself: one more is drawn, and the document is left out.
  const auto same =
      asked(dir.write("b.yaml", kPlain + "test_split: test\nfewshot_split: test\n"), 4);
  CHECK(same[0].contexts[0] == shot(99) + shot(56) + shot(14) + shot(11) + "Q: q0\nA:");
  CHECK(same[1].contexts[0] == shot(74) + shot(4) + shot(85) + shot(88) + "Q: q1\nA:");
  const auto first = asked(dir.write("c.yaml", kPlain + two +
                                                   "num_fewshot: 2\ndescription: \"Now.\\n\"\n"
                                                   "fewshot_config: {sampler: first_n}\n"));
  CHECK(first[5].contexts[0] == "Now.\n" + shot(0) + shot(1) + "Q: q5\nA:");
}

TEST_CASE("tasks: a multiple choice as it is written upstream", "[tasks]") {
  Folder dir;
  dir.write("d.jsonl", R"({"id": "1", "question": "Which?", "choices": {"text": ["an é", "b"], )"
                       R"("label": ["A", "B"]}, "answerKey": "B"})"
                       "\n"
                       R"({"id": "2", "question": "What?", "choices": {"text": ["x", "y"], )"
                       R"("label": ["1", "2"]}, "answerKey": "1"})"
                       "\n");
  const auto file = dir.write("arc.yaml", R"(tag:
  - ai2_arc
task: arc_easy
dataset_path: json
dataset_name: ARC-Easy
dataset_kwargs: {data_files: {test: d.jsonl, train: d.jsonl}}
output_type: multiple_choice
training_split: train
validation_split: validation
test_split: test
doc_to_text: "Question: {{question}}\nAnswer:"
doc_to_target: "{{choices.label.index(answerKey)}}"
doc_to_choice: "{{choices.text}}"
should_decontaminate: true
doc_to_decontamination_query: "Question: {{question}}\nAnswer:"
metric_list:
  - metric: acc
    aggregation: mean
    higher_is_better: true
  - metric: acc_norm
metadata:
  version: 1.0
)");
  const auto all = asked(file);
  REQUIRE(all.size() == 2);
  CHECK(all[0].contexts == std::vector<std::string>{"Question: Which?\nAnswer:"});
  CHECK(all[0].continuations == std::vector<std::string>{" an é", " b"});
  CHECK(all[0].characters == std::vector<int64_t>{4, 1});
  CHECK(all[0].bytes == std::vector<int64_t>{5, 1});
  CHECK(all[0].right == std::vector<int64_t>{1});
  CHECK(all[1].right == std::vector<int64_t>{0});
  const auto one = asked(file, 1);
  CHECK(contains(one[0].contexts[0], "\nAnswer: "));

  const auto child =
      dir.write("child.yaml", "include: arc.yaml\ntask: child\ntarget_delimiter: \"\"\n");
  CHECK(read_task(child).name == "child");
  CHECK(asked(child)[0].continuations[0] == "an é");
}

TEST_CASE("tasks: WinoGrande's functions, CSV, answers by their text", "[tasks]") {
  Folder dir;
  dir.write("d.csv", "sentence,option1,option2,answer\n\"He, _ said.\",Tom,\"J \"\"x\"\"\",2\n");
  const auto q =
      asked(dir.write("w.yaml",
                      "task: w\ndataset_path: d.csv\noutput_type: multiple_choice\n"
                      "doc_to_text: !function preprocess_winogrande.doc_to_text\n"
                      "doc_to_target: !function preprocess_winogrande.doc_to_target\n"
                      "doc_to_choice: !function preprocess_winogrande.doc_to_choice\n"))[0];
  CHECK(q.contexts == std::vector<std::string>{"He, Tom", "He, J \"x\""});
  CHECK(q.continuations == std::vector<std::string>{" said.", " said."});
  CHECK(q.right == std::vector<int64_t>{1});
  const auto named = asked(dir.write("n.yaml",
                                     "task: n\ndataset_path: d.csv\noutput_type: multiple_choice\n"
                                     "doc_to_text: sentence\ndoc_to_target: option1\n"
                                     "doc_to_choice: [\"x\", \"Tom\"]\n"))[0];
  CHECK(named.right == std::vector<int64_t>{1});
}

TEST_CASE("tasks: mistakes are sentences with file and key", "[tasks]") {
  Folder dir;
  dir.write("d.jsonl", numbered(3));
  const auto problem = [&](const std::string& text, int64_t shots = -1) {
    return error_of([&] { asked(dir.write("t.yaml", text), shots); });
  };
  CHECK(contains(problem(kPlain + "doc_to_txt: x\n"), "doc_to_text"));
  CHECK(contains(problem(kPlain + "process_docs: !function utils.process_docs\n"), "process_docs"));
  CHECK(contains(problem("task: t\ndataset_path: d.jsonl\ndoc_to_text: !function utils.f\n"),
                 "utils.f cannot run here"));
  CHECK(contains(problem("group: g\ntask: [a, b]\n"), "group"));
  CHECK(contains(problem("task: t\ndataset_path: allenai/x\ndoc_to_text: q\ndoc_to_target: a\n"),
                 "'allenai/x' of the Hugging Face hub"));
  CHECK(contains(
      problem("task: t\ndataset_path: d.jsonl\ndoc_to_text: \"{{z}}\"\ndoc_to_target: a\n"),
      "doc_to_text: 'z' is not defined; the document has: q, a"));
  CHECK(
      contains(problem("task: t\ndataset_path: d.jsonl\ndoc_to_text: \"{{q\"\ndoc_to_target: a\n"),
               "never closed"));
  CHECK(contains(problem("task: t\ndataset_path: d.jsonl\noutput_type: multiple_choise\n"),
                 "multiple_choice"));
  CHECK(contains(problem(kPlain + "filter_list: [{name: x, filter: [{function: scale_it}]}]\n"),
                 "scale_it"));
  CHECK(contains(problem(kPlain + "generation_kwargs: {do_sample: true}\n"), "greedy"));
  CHECK(contains(problem(kPlain, 4), "5 examples are needed where 3"));
  CHECK(contains(problem("include: t.yaml\n"), "includes itself"));
  CHECK(contains(error_of([] { read_task("arc_eazy"); }), "arc_easy"));
  dir.write("d.jsonl", "{\"q\": 1}\nnot json\n");
  CHECK(contains(problem(kPlain), "d.jsonl:2"));
}

TEST_CASE("tasks: every shipped one builds its first documents", "[tasks]") {
  for (const auto& name : shipped_tasks()) {
    INFO(name);
    const auto q = Prompts(read_task(name), 0, "").questions(3);
    CHECK(q.size() == 3);
    if (name == "openbookqa") CHECK(q[0].contexts[0].back() != ':');
  }
  CHECK(shipped_tasks().size() >= 11);
}

TEST_CASE("tasks: filters and answers", "[tasks]") {
  const FilterChain number{"n", {{"regex", "#### (\\-?[0-9\\.\\,]+)"}, {"take_first"}}};
  CHECK(filtered(number, "so #### 1,234. And #### 5") == "1,234.");
  CHECK(filtered(number, "none") == "[invalid]");
  FilterStep letter{"multi_choice_regex", "(\\([A-Z]\\))"};
  letter.ignore_case = letter.ignore_punctuation = true;
  const FilterChain flan{"f", {letter}};
  const std::vector<std::string> choices{"Guilty", "Guilty of it.", "None"};
  CHECK(filtered(flan, "I say (B) or (A)", {}, choices) == "(B)");
  CHECK(filtered(flan, "It is guilty, of it!", {}, choices) == "(B)");
  CHECK(filtered(flan, "so: C", {}, choices) == "(C)");
  CHECK(filtered(flan, "hm", {}, choices) == "[invalid]");
  FilterStep last{"regex", "(-?[$0-9.,]{2,})|(-?[0-9]+)"};
  last.group = -1;
  CHECK(filtered({"f", {last}}, "7 and 12") == "12");
  CHECK(filtered({"f", {{"lowercase"}, {"remove_whitespace"}}}, "  AbC ") == "abc");
  const DocumentRules older{DocumentRules::Own::Dropped, DocumentRules::Sides::Left, false, false};
  CHECK(filtered({"f", {{"remove_whitespace"}}}, "  AbC ", older) == "AbC ");
  MetricChoice how{"exact_match"};
  CHECK(exact_match(how, "Yes", {"no", "Yes"}) == 1);
  CHECK(exact_match(how, "yes.", {"Yes"}) == 0);
  how.ignore_case = how.ignore_punctuation = true;
  how.regexes_to_ignore = {"\\$"};
  CHECK(exact_match(how, "$yes.", {"Yes"}) == 1);
  CHECK(word_f1("the cat sat", {"A cat, sat down"}) == 0.8);
  CHECK(word_f1("", {"x"}) == 0);
}
