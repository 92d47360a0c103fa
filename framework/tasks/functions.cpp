// The helper functions of lm-evaluation-harness 0.4.13's task files (lm_eval/tasks/*/), rebuilt
// from what they do to a document.
#include "tasks/functions.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/near.h"
#include "jinja/python_string.h"
#include "tasks/helpers.h"

namespace bench {
namespace {

/// One function: the task whose module it is ("": the module's name says enough).
struct Known {
  std::string task, name;
  RebuiltFunction function;
};

/// "A. option" lines as logiqa, medqa and medmcqa write them.
const char* const kLettered = "{{ 'ABCD'[loop.index0] }}. {{ o }}\n";

std::vector<Known> known_templates() {
  const std::string lettered = kLettered;
  return {
      {"", "preprocess_winogrande.doc_to_text", {"{{ {'1': 0, '2': 1}[answer] }}", {}}},
      {"",
       "preprocess_winogrande.doc_to_target",
       {"{{ sentence[sentence.index('_') + 1:].strip() }}", {}}},
      {"",
       "preprocess_winogrande.doc_to_choice",
       {"{{ [sentence[:sentence.index('_')] + option1, sentence[:sentence.index('_')] + option2] "
        "}}",
        {}}},
      {"", "preprocess_wikitext.wikitext_detokenizer", {"{{ page }}", {}}},
      {"mnli",
       "utils.doc_to_text",
       {"{{ premise }}\nQuestion: {{ hypothesis.strip() }}"
        "{{ '' if hypothesis.strip().endswith('.') else '.' }} True, False or Neither?\nAnswer:",
        {}}},
      {"copa",
       "utils.doc_to_text",
       {"{{ premise.strip()[:-1] }} {{ {'cause': 'because', 'effect': 'therefore'}[question] }}",
        {}}},
      {"copa",
       "utils.doc_to_target",
       {"{% set c = choice1 if label == 0 else choice2 %}{{ ' ' + c[0].lower() + c[1:] }}", {}}},
      {"copa",
       "utils.doc_to_choice",
       {"{{ [' ' + choice1[0].lower() + choice1[1:], ' ' + choice2[0].lower() + choice2[1:]] }}",
        {}}},
      {"",
       "utils_logiqa.doc_to_text",
       {"Passage: {{ context }}\nQuestion: {{ question }}\nChoices:\n{% for o in options[:4] %}" +
            lettered + "{% endfor %}Answer:",
        {}}},
      {"", "utils_logiqa.doc_to_target", {"{{ ['a', 'b', 'c', 'd'].index(label.strip()) }}", {}}},
      {"",
       "utils_logiqa2.doc_to_text",
       {"Passage: {{ text }}\nQuestion: {{ question }}\n{% for o in options[:4] %}" + lettered +
            "{% endfor %}Answer:",
        {}}},
      {"",
       "preprocess_pubmedqa.doc_to_text",
       {"Abstract: {{ CONTEXTS | join('\\n') }}\nQuestion: {{ QUESTION }}\nAnswer:", {}}},
      {"",
       "utils_medmcqa.doc_to_text",
       {"Question: {{ question }}\nChoices:\n{% for o in [opa, opb, opc, opd] %}" + lettered +
            "{% endfor %}Answer:",
        {}}},
      {"",
       "preprocess_medqa.doc_to_text",
       {"Question: {{ sent1 }}\n{% for o in [ending0, ending1, ending2, ending3] %}" + lettered +
            "{% endfor %}Answer:",
        {}}},
      {"", "preprocess_medqa.doc_to_target", {"label", {}}},
  };
}

const std::vector<Known>& known() {
  using namespace helpers;
  static const std::vector<Known> all = [] {
    auto list = known_templates();
    const std::vector<Known> more{
        {"hellaswag", "utils.process_docs", {"", hellaswag_document}},
        {"", "preprocess_race.doc_to_text", {"", race_text}},
        {"", "preprocess_race.doc_to_target", {"", race_target}},
        {"", "preprocess_race.doc_to_choice", {"", race_choices}},
        {"record", "util.process_docs", {"", record_document}},
        {"record", "util.doc_to_text", {"", record_text}},
        {"record", "util.doc_to_target", {"", record_target}},
        {"record", "util.doc_to_choice", {"", record_choices}},
        {"", "preprocess_wsc.default_doc_to_text", {"", wsc_text}},
        {"mathqa", "utils.doc_to_choice", {"", mathqa_choices}},
        {"webqs", "utils.doc_to_choice", {"", webqs_choices}},
        {"webqs", "utils.doc_to_target", {"", webqs_target}},
        {"coqa", "utils.doc_to_text", {"", coqa_text}},
        {"coqa", "utils.doc_to_target", {"", coqa_target}},
        {"wsc273", "utils.process_doc", {"", wsc273_document}},
        {"hendrycks_math", "utils.process_docs", {"", hendrycks_document}}};
    list.insert(list.end(), more.begin(), more.end());
    return list;
  }();
  return all;
}

/// "!function module.name" -> "module.name"
std::string bare(const std::string& written) {
  auto name = text::strip(written.substr(std::string("!function").size()));
  if (name.size() >= 2 && name.front() == '"' && name.back() == '"')
    name = name.substr(1, name.size() - 2);
  return name;
}

/// Tasks of a family go on behind an underscore: mnli_mismatch, hendrycks_math_algebra.
bool is_of(const TaskNames& names, const std::string& task) {
  return task.empty() || std::any_of(names.begin(), names.end(), [&](const std::string& n) {
           return n == task || n.starts_with(task + "_");
         });
}

[[noreturn]] void cannot_run(const std::string& where, const std::string& name,
                             const std::vector<std::string>& others) {
  fail("{}: the Python function {} cannot run here; write it as a template{}", where, name,
       suggestion(name, others));
}

}  // namespace

bool is_wikitext_function(const std::string& function) {
  return function.starts_with("!function") &&
         function.find(" preprocess_wikitext.") != std::string::npos;
}

RebuiltFunction rebuilt_function(const std::string& written, const TaskNames& task,
                                 const std::string& where) {
  const auto name = bare(written);
  std::vector<std::string> others;
  for (const auto& k : known()) {
    if (k.name == name && is_of(task, k.task)) return k.function;
    others.push_back(k.name);
  }
  cannot_run(where, name, others);
}

std::string rebuilt_results(const std::string& written, const TaskNames& task,
                            const std::string& where) {
  const auto name = bare(written);
  if (name == "utils.process_results_mc2") return "mc2";
  if (name == "util.process_results" && is_of(task, "record")) return "record";
  if (name == "utils.process_results" && is_of(task, "hendrycks_math")) return "hendrycks_math";
  cannot_run(where, name, {"utils.process_results_mc2"});
}

bool is_class_mean_f1(const std::string& written) {
  return written.starts_with("!function") && bare(written) == "aggregate.cb_multi_fi";
}

}  // namespace bench
