#pragma once
#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "jinja/jinja.h"
#include "tasks/functions.h"

namespace bench {

/// What a task says about one part of a document (doc_to_text and the like): the name of a field, a
/// template, a number or a list.
class DocumentPart {
 public:
  DocumentPart() = default;
  DocumentPart(const Value& written, std::string where);
  /// What a rebuilt function gives.
  DocumentPart(std::function<Value(const Value&)> function, std::string where);

  bool given() const { return function_ || !written_.is_null(); }
  /// The key as it is written, where it is a text.
  std::string written() const { return written_.is_string() ? written_.string() : ""; }
  /// A field's value, or the text that a template renders to; digits alone are a number where
  /// `digits_count`, as lm-eval reads an answer's position.
  Value text_of(const Value& document, bool digits_count) const;
  /// The same of a target: a text in brackets that is a Python literal is that list.
  Value target_of(const Value& document, bool digits_count) const;
  /// A list of strings: choices.
  std::vector<std::string> list_of(const Value& document) const;

 private:
  Value written_;
  std::string where_;
  std::shared_ptr<const text::Template> template_;
  std::function<Value(const Value&)> function_;
};

/// One step behind a generated answer.
struct FilterStep {
  /// regex, multi_choice_regex, take_first, remove_whitespace, lowercase, uppercase. take_first_k
  /// and majority_vote change nothing: the answers of a repeated greedy generation are equal.
  std::string function;
  std::string pattern, fallback = "[invalid]";
  int64_t group = 0;  // which match
  // multi_choice_regex: what is left out before a choice's own text is looked for
  bool ignore_case = false, ignore_punctuation = false;
  std::vector<std::string> regexes_to_ignore = {};
};
struct FilterChain {
  std::string name = "none";
  std::vector<FilterStep> steps;
};

struct MetricChoice {
  std::string name;
  bool class_mean = false;  // f1: the mean over the classes of each one's
  bool higher_is_better = true, ignore_case = false, ignore_punctuation = false,
       ignore_numbers = false;
  std::vector<std::string> regexes_to_ignore;
};

/// A task as lm-eval's YAML files define it; the keys and their defaults are lm-eval's
/// (lm_eval/config/task.py).
struct TaskDefinition {
  std::string name, output_type;
  std::filesystem::path file;                  // of the definition
  std::vector<std::filesystem::path> sources;  // that file and what it includes
  std::string documents;          // data file of the scored split; empty: must be given
  std::string hub;                // dataset_path where that is no file
  std::string scored, examples;   // names of the splits that are scored, and examples come from
  std::string fewshot_documents;  // data file of the latter, where it is another one
  bool names_own_split = false;   // fewshot_split and test_split are written alike
  bool first_examples = false;    // sampler first_n
  Value fewshot_samples;          // a list of documents, or null
  int64_t fewshot = 0;
  DocumentPart text, target, choice, description, prefix;  // prefix: gen_prefix
  std::string target_delimiter = " ", fewshot_delimiter = "\n\n";
  /// The same of examples (fewshot_config), where they are written otherwise.
  struct Example {
    DocumentPart text, target, choice, prefix;
    std::string target_delimiter = " ", delimiter = "\n\n";
  } example;
  std::vector<int64_t> example_numbers;              // of the documents that may be examples
  std::function<Value(const Value& document)> made;  // process_docs: a row as the parts read it
  std::string results;                               // process_results: of functions.h
  std::string data_name;                             // dataset_name
  std::vector<MetricChoice> metrics;
  std::vector<FilterChain> filters;
  std::vector<std::string> until{"\n\n"};
  int64_t max_new_tokens = 256;
  bool wikitext = false;  // pages, words and bytes counted on the original

  bool asks(const std::string& metric) const {
    return std::any_of(metrics.begin(), metrics.end(),
                       [&](const MetricChoice& m) { return m.name == metric; });
  }
};

/// Reads a definition and what it includes. `name_or_file`: a shipped task (data/tasks/NAME.yaml),
/// or a path. Unknown keys, Python functions that have no counterpart and groups are Errors.
TaskDefinition read_task(const std::string& name_or_file);
/// The same of a text that includes nothing; `file` is where its data files are looked for.
TaskDefinition parse_task(const std::string& yaml, const std::filesystem::path& file);
/// Names of the shipped tasks.
std::vector<std::string> shipped_tasks();

}  // namespace bench
