// Python helpers of lm-eval's task files, rebuilt; chats; groups.
#include "tasks/functions.h"

#include <nlohmann/json.hpp>

#include "jinja/json_value.h"
#include "tasks/choices.h"
#include "tasks/group_definition.h"
#include "tasks/helpers.h"
#include "tasks/prompts.h"
#include "test.h"

using namespace bench;
using namespace bench::test;

namespace {

struct Folder : TempDir {
  std::string write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((path / name).parent_path());
    std::ofstream(path / name) << text;
    return (path / name).string();
  }
};

/// [document, what each function gives ...], from lm_eval 0.4.13 itself.
Value golden(const std::string& task) {
  std::ifstream in(root() / "tests/golden/task_functions.json");
  std::stringstream all;
  all << in.rdbuf();
  return *value_of_json(all.str(), "task_functions.json").find(task);
}

Value given(const std::string& name, const std::string& task, const Value& document) {
  return rebuilt_function("!function " + name, {task}, "t").run(document);
}

std::vector<Question> asked(const std::string& file, int64_t shots = -1, PromptForm form = {}) {
  return Prompts(read_task(file), shots, "", "", std::move(form)).questions(0);
}

}  // namespace

TEST_CASE("task functions: what lm-eval's own give", "[tasks]") {
  const auto hellaswag = golden("hellaswag").list();
  const auto made = given("utils.process_docs", "hellaswag", hellaswag[0]);
  for (const char* k : {"query", "choices", "gold"}) CHECK(*made.find(k) == *hellaswag[1].find(k));
  const auto race = golden("race").list();
  CHECK(given("preprocess_race.doc_to_text", "", race[0]) == race[1]);
  CHECK(given("preprocess_race.doc_to_target", "", race[0]) == race[2]);
  CHECK(given("preprocess_race.doc_to_choice", "", race[0]) == race[3]);
  const auto wsc = golden("wsc").list();
  CHECK(given("preprocess_wsc.default_doc_to_text", "", wsc[0]) == wsc[1]);
  const auto mathqa = golden("mathqa").list();
  CHECK(given("utils.doc_to_choice", "mathqa", mathqa[0]) == mathqa[1]);
  const auto record = golden("record").list();
  const auto row = given("util.process_docs", "record", record[0]);
  CHECK(given("util.doc_to_text", "record", row) == record[1]);
  CHECK(given("util.doc_to_target", "record", row) == record[2]);
  CHECK(given("util.doc_to_choice", "record", row) == record[3]);
  const auto webqs = golden("webqs").list();
  CHECK(given("utils.doc_to_choice", "webqs", webqs[0]) == webqs[1]);
  CHECK(given("utils.doc_to_target", "webqs", webqs[0]) == webqs[2]);
  const auto coqa = golden("coqa").list();
  CHECK(given("utils.doc_to_text", "coqa", coqa[0]) == coqa[1]);
  CHECK(given("utils.doc_to_target", "coqa", coqa[0]) == coqa[2]);
  const auto wsc273 = golden("wsc273").list();
  CHECK(given("utils.process_doc", "wsc273", wsc273[0]) == wsc273[1]);
  // `utils` is a module of many tasks: only the right one's function counts.
  CHECK(contains(error_of([&] { given("utils.process_docs", "other", hellaswag[0]); }),
                 "utils.process_docs cannot run here"));
  CHECK(contains(error_of([&] { given("utils.process_docs", "hellaswag", Value(Value::Map{})); }),
                 "no field 'ctx_a'"));
}

TEST_CASE("task functions: answers of MATH", "[tasks]") {
  const auto pairs = golden("math");
  for (const auto& c : pairs.list()) {
    const auto& one = c.list();
    INFO(one[0].string() << " and " << one[1].string());
    CHECK(helpers::same_math(one[0].string(), one[1].string()) == std::get<bool>(one[2].data));
  }
  CHECK(helpers::last_boxed("so $\\boxed{\\frac{1}{2}}$ and") == "\\frac{1}{2}");
  CHECK(helpers::last_boxed("is \\boxed 5$ .") == "5");
  CHECK(helpers::last_boxed("\\boxed{a}, then \\boxed{b{c}}") == "b{c}");
  CHECK(!helpers::last_boxed("none"));
  CHECK(helpers::math_answer("so $x = 3$ and $4$.") == "x = 3$ and $4");
}

TEST_CASE("task functions: templates of the same effect", "[tasks]") {
  const Folder dir;
  dir.write("d.jsonl",
            R"({"premise": "It rained. ", "choice1": "The road got wet.", "choice2": "We ran.", )"
            R"("question": "effect", "label": 1})");
  const auto copa =
      asked(dir.write("copa.yaml",
                      "task: copa\ndataset_path: d.jsonl\noutput_type: multiple_choice\n"
                      "doc_to_text: !function utils.doc_to_text\n"
                      "doc_to_target: !function utils.doc_to_target\n"
                      "doc_to_choice: !function utils.doc_to_choice\n"))[0];
  CHECK(copa.contexts[0] == "It rained therefore");
  CHECK(copa.continuations == std::vector<std::string>{"  the road got wet.", "  we ran."});
  CHECK(copa.right == std::vector<int64_t>{1});
  dir.write("m.jsonl", R"({"premise": "P.", "hypothesis": " H ", "label": 0})");
  const auto mnli =
      asked(dir.write("mnli.yaml",
                      "task: mnli_mismatch\ndataset_path: m.jsonl\noutput_type: multiple_choice\n"
                      "doc_to_text: !function utils.doc_to_text\ndoc_to_target: label\n"
                      "doc_to_choice: [\"True\", \"Neither\", \"False\"]\n"))[0];
  CHECK(mnli.contexts[0] == "P.\nQuestion: H. True, False or Neither?\nAnswer:");
  dir.write("l.jsonl", R"({"context": "C", "question": "Q", "options": ["w", "x", "y", "z"], )"
                       R"("label": "c"})");
  const auto logiqa =
      asked(dir.write("logiqa.yaml",
                      "task: logiqa\ndataset_path: l.jsonl\noutput_type: multiple_choice\n"
                      "doc_to_text: !function utils_logiqa.doc_to_text\n"
                      "doc_to_target: !function utils_logiqa.doc_to_target\n"
                      "doc_to_choice: \"{{options}}\"\n"))[0];
  CHECK(logiqa.contexts[0] == "Passage: C\nQuestion: Q\nChoices:\nA. w\nB. x\nC. y\nD. z\nAnswer:");
  CHECK(logiqa.right == std::vector<int64_t>{2});
}

TEST_CASE("tasks: TruthfulQA's mass of the true answers, ReCoRD's entities", "[tasks]") {
  const Folder dir;
  dir.write("d.jsonl",
            R"({"q": "x", "mc2_targets": {"choices": ["a", "b", "c"], "labels": [1, 0, 1]}})");
  const auto q = asked(
      dir.write("t.yaml",
                "task: truthfulqa_mc2\ndataset_path: d.jsonl\noutput_type: multiple_choice\n"
                "doc_to_text: q\ndoc_to_target: 0\ndoc_to_choice: \"{{mc2_targets.choices}}\"\n"
                "process_results: !function utils.process_results_mc2\n"))[0];
  CHECK(q.right == std::vector<int64_t>{0, 2});
  CHECK(std::abs(right_mass(q, {-1.0, -2.0, -3.0}) -
                 (std::exp(-1.0) + std::exp(-3.0)) /
                     (std::exp(-1.0) + std::exp(-2.0) + std::exp(-3.0))) < 1e-15);
  CHECK(contains(error_of([&] {
                   read_task(dir.write("u.yaml",
                                       "task: t\ndataset_path: d.jsonl\ndoc_to_text: q\n"
                                       "doc_to_target: q\nprocess_results: !function utils.f\n"));
                 }),
                 "utils.f cannot run here"));
}

TEST_CASE("tasks: an answer that is begun, examples that are written otherwise", "[tasks]") {
  const Folder dir;
  dir.write("d.jsonl", "{\"q\": \"q0\", \"a\": \"a0\"}\n{\"q\": \"q1\", \"a\": \"a1\"}\n");
  const std::string plain =
      "task: t\ndataset_path: d.jsonl\noutput_type: generate_until\ndoc_to_text: \"Q: {{q}}\"\n"
      "doc_to_target: a\nrepeats: 3\ngeneration_kwargs: {do_sample: false, top_k: 5, "
      "num_beams: 1, until: [x]}\nfewshot_config: {sampler: first_n, samples: [{q: s, a: t}]";
  // As lm_eval/api/task.py, build_qa_turn, joins them.
  const auto begun = asked(dir.write("g.yaml", plain + "}\ngen_prefix: \"Answer {{q}}:\"\n"), 1);
  CHECK(begun[0].contexts[0] == "Q: s Answer s: t\n\nQ: q0 Answer q0:");
  const auto other =
      asked(dir.write("o.yaml", plain + ", doc_to_text: \"X {{q}}\", target_delimiter: \"=\", "
                                        "fewshot_delimiter: \";\", gen_prefix: \"\"}\n"),
            1);
  CHECK(other[1].contexts[0] == "X s=t;Q: q1");
  const auto numbered =
      asked(dir.write("n.yaml",
                      "task: t\ndataset_path: d.jsonl\noutput_type: generate_until\n"
                      "doc_to_text: q\ndoc_to_target: a\ntraining_split: x\n"
                      "fewshot_config: {sampler: first_n, fewshot_indices: [1]}\n"
                      "dataset_kwargs: {data_files: {x: d.jsonl, y: d.jsonl}}\ntest_split: y\n"),
            1);
  CHECK(numbered[0].contexts[0] == "q1 a1\n\nq0");
  const auto problem = [&](const std::string& more) {
    return error_of([&] { asked(dir.write("p.yaml", plain + "}\n" + more), 1); });
  };
  CHECK(contains(problem("repeats: none\n"), "repeats"));
  CHECK(contains(error_of([&] {
                   asked(dir.write("b.yaml",
                                   "task: t\ndataset_path: d.jsonl\ndoc_to_text: q\n"
                                   "doc_to_target: a\ngeneration_kwargs: {num_beams: 4}\n"));
                 }),
                 "num_beams = 4"));
}

TEST_CASE("tasks: a chat template around questions and examples", "[tasks]") {
  const Folder dir;
  dir.write("d.jsonl", "{\"q\": \"q0\", \"a\": \"a0\"}\n");
  dir.write("tokenizer_config.json",
            R"({"bos_token": {"content": "<s>"}, "chat_template": "{{ bos_token }}{% for m in )"
            R"(messages %}[{{ m.role }}]{{ m.content }}\n{% endfor %}{% if add_generation_prompt )"
            R"(%}[assistant]{% endif %}"})");
  const std::string plain =
      "task: t\ndataset_path: d.jsonl\ndoc_to_text: \"Q: {{q}}\"\n"
      "description: Do it.\nfewshot_config: {sampler: first_n, samples: [{q: s, a: t}]}\n";
  const auto generated =
      dir.write("g.yaml", plain + "output_type: generate_until\ndoc_to_target: a\n");
  PromptForm chat{std::make_shared<const ChatTemplate>(dir.path.string())};
  CHECK(asked(generated, 1, chat)[0].contexts[0] ==
        "<s>[system]Do it.\n[user]Q: s\n[assistant]t\n[user]Q: q0\n[assistant]");
  chat.system = "Be kind.";
  CHECK(asked(generated, 0, chat)[0].contexts[0] ==
        "<s>[system]Be kind.\n\nDo it.\n[user]Q: q0\n[assistant]");
  chat.system.clear(), chat.multiturn = false;
  CHECK(asked(generated, 1, chat)[0].contexts[0] ==
        "<s>[system]Do it.\n[user]Q: s t\n\nQ: q0\n[assistant]");
  // A choice has no delimiter in front, unless an answer is begun.
  const auto choose =
      plain + "output_type: multiple_choice\ndoc_to_target: a\ndoc_to_choice: [a0, a1]\n";
  CHECK(asked(dir.write("c.yaml", choose), 0, chat)[0].continuations[0] == "a0");
  const auto begun = asked(dir.write("e.yaml", choose + "gen_prefix: \"So:\"\n"), 0, chat)[0];
  CHECK(begun.continuations[0] == " a0");
  CHECK(begun.contexts[0] == "<s>[system]Do it.\n[user]Q: q0\n[assistant]So:");
  // Without a chat the instruction is text in front.
  PromptForm text;
  text.system = "Be kind.";
  CHECK(asked(generated, 0, text)[0].contexts[0] == "Be kind.\n\nDo it.Q: q0");
  dir.write("sub/tokenizer_config.json", "{}");
  CHECK(contains(error_of([&] { ChatTemplate((dir.path / "sub").string()); }), "chat_template"));
}

TEST_CASE("tasks: groups by names, tags and groups", "[tasks]") {
  const Folder dir;
  const std::string task =
      "dataset_path: d.jsonl\ndataset_name: s\noutput_type: multiple_choice\n"
      "doc_to_text: q\ndoc_to_target: 0\ndoc_to_choice: [x, y]\n";
  dir.write("a.yaml", "task: one\n" + task);
  dir.write("deep/b.yaml", "task: two\ntag: pair\n" + task);
  dir.write("deep/c.yaml", "task: three\ntag: [pair]\n" + task);
  dir.write("inner.yaml",
            "group: inner\ntask: [pair]\n"
            "aggregate_metric_list: [{metric: acc, weight_by_size: false}]\n");
  const auto g =
      read_group(dir.write("outer.yaml",
                           "group: outer\ntask:\n  - one\n  - task: inner\n    num_fewshot: 2\n"
                           "aggregate_metric_list:\n  - metric: acc\n    filter_list: none\n"));
  REQUIRE(g.members.size() == 3);
  CHECK(g.members[0].name == "one");
  CHECK(g.members[0].fewshot == -1);
  CHECK(g.members[1].name == "two");
  CHECK(g.members[2].fewshot == 2);
  CHECK(g.members[2].data_name == "s");
  CHECK(g.inside.size() == 1);
  CHECK(g.metrics[0].by_size);
  CHECK_FALSE(g.inside[0].metrics[0].by_size);
  const auto problem = [&](const std::string& text) {
    return error_of([&] { read_group(dir.write("p.yaml", text)); });
  };
  CHECK(contains(problem("group: p\ntask: [arc_eazy]\n"), "arc_easy"));
  CHECK(contains(problem("group: p\ntask: [p]\n"), "holds itself"));
  CHECK(contains(problem("group: p\ntask: [one]\nweights: 1\n"), "weights"));
  CHECK(contains(problem("group: p\ntask: [one]\naggregate_metric_list: [{metric: acc, "
                         "aggregation: max}]\n"),
                 "max"));
  CHECK(contains(problem("task: one\n"), "is no group"));
}
