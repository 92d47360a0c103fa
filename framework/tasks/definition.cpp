#include "tasks/definition.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/near.h"
#include "config/config.h"
#include "hydra/yaml/scalar.h"
#include "data/data.h"
#include "tasks/functions.h"
#include "tasks/task_yaml.h"
#include "jinja/python_regex.h"
#include "jinja/python_string.h"

namespace bench {
namespace {

namespace fs = std::filesystem;

/// Keys of lm-eval's TaskConfig.
Schema schema() {
  using T = Key::Type;
  Schema all{optional("task", T::Any, "its name")};
  for (const char* name :
       {"output_type", "dataset_path", "dataset_name", "training_split", "validation_split",
        "test_split", "fewshot_split", "target_delimiter", "fewshot_delimiter", "task_alias"})
    all = all + Schema{optional(name, T::String, "as in lm-eval")};
  for (const char* name :
       {"doc_to_text", "doc_to_target", "doc_to_choice", "description", "process_docs",
        "process_results", "fewshot_config", "metric_list", "filter_list", "generation_kwargs",
        "dataset_kwargs", "num_fewshot", "repeats", "use_prompt", "gen_prefix", "custom_dataset",
        // said about the task, not part of a request
        "tag", "group", "metadata", "should_decontaminate", "doc_to_decontamination_query",
        "unsafe_code"})
    all = all + Schema{optional(name, T::Any, "as in lm-eval")};
  return all;
}

std::string text_at(const Value& map, const char* key, const std::string& fallback) {
  const auto* v = map.find(key);
  return v && !v->is_null() ? python_str(*v) : fallback;
}
bool flag_at(const Value& map, const char* key, bool fallback) {
  const auto* v = map.find(key);
  return v && v->is_bool() ? std::get<bool>(v->data) : fallback;
}
std::vector<std::string> texts(const Value* v) {
  std::vector<std::string> all;
  if (v && v->is_string()) all.push_back(v->string());
  if (v && v->is_list())
    for (const auto& item : v->list()) all.push_back(python_str(item));
  return all;
}

class Reader {
 public:
  Reader(fs::path file, const Value& written)
      : file_(std::move(file)), value_(schema().complete(written, file_.string())) {}

  TaskDefinition read() {
    d_.file = file_;
    if (value_.find("task")->is_list() || !value_.find("group")->is_null())
      fail("{}: is a group of tasks; measure it with `name: lm_eval_group`", file_.string());
    d_.name = text_at(value_, "task", file_.stem().string());
    d_.output_type = text_at(value_, "output_type", "generate_until");
    static const std::vector<std::string> kTypes{"multiple_choice", "loglikelihood",
                                                 "loglikelihood_rolling", "generate_until"};
    if (std::find(kTypes.begin(), kTypes.end(), d_.output_type) == kTypes.end())
      fail("{}: output_type '{}' is not known{}", file_.string(), d_.output_type,
           suggestion(d_.output_type, kTypes));
    for (const char* key : {"use_prompt", "custom_dataset"}) refuse(key);
    const auto repeats = text_at(value_, "repeats", "1");
    if (repeats.empty() || repeats.find_first_not_of("0123456789") != std::string::npos ||
        repeats == "0")
      fail("{}: repeats must be a number from 1 on, not {}", file_.string(), repeats);
    d_.data_name = text_at(value_, "dataset_name", "");
    names_ = {d_.name, file_.parent_path().filename().string(), d_.data_name,
              fs::path(text_at(value_, "dataset_path", "")).filename().string()};
    d_.text = part("doc_to_text");
    d_.target = part("doc_to_target");
    d_.choice = part("doc_to_choice");
    d_.description = part("description");
    d_.prefix = part("gen_prefix");
    d_.wikitext = is_wikitext_function(text_at(value_, "process_results", "")) ||
                  is_wikitext_function(text_at(value_, "doc_to_target", ""));
    if (!d_.wikitext) results();
    process_docs();
    d_.target_delimiter = text_at(value_, "target_delimiter", " ");
    d_.fewshot_delimiter = text_at(value_, "fewshot_delimiter", "\n\n");
    d_.example = {d_.text,   d_.target,           d_.choice,
                  d_.prefix, d_.target_delimiter, d_.fewshot_delimiter};
    data();
    fewshot();
    metrics();
    filters();
    generation();
    return std::move(d_);
  }

 private:
  void refuse(const char* key) const {
    const auto* v = value_.find(key);
    if (v && !v->is_null())
      fail("{}: {} = {} is not supported; write the documents' fields as templates", file_.string(),
           key, python_str(*v));
  }

  DocumentPart part(const char* key) const { return part_of(value_.find(key), key); }

  DocumentPart part_of(const Value* v, const std::string& key) const {
    if (!v || v->is_null()) return {};
    const auto where = file_.string() + ": " + key;
    if (!is_function(*v)) return {*v, where};
    auto f = rebuilt_function(v->string(), names_, where);
    return f.run ? DocumentPart(std::move(f.run), where)
                 : DocumentPart(Value(f.as_template), where);
  }

  static bool is_function(const Value& v) {
    return v.is_string() && v.string().starts_with("!function");
  }

  void results() {
    const auto* v = value_.find("process_results");
    if (!v || v->is_null()) return;
    if (!is_function(*v)) refuse("process_results");
    d_.results = rebuilt_results(v->string(), names_, file_.string() + ": process_results");
  }

  void process_docs() {
    const auto* v = value_.find("process_docs");
    if (!v || v->is_null()) return;
    const auto where = file_.string() + ": process_docs";
    if (!is_function(*v)) refuse("process_docs");
    d_.made = rebuilt_function(v->string(), names_, where).run;
    if (!d_.made) fail("{}: {} is no function of whole documents", where, v->string());
  }

  /// A file named beside the definition, shipped (by its path below data/, so that its bytes are
  /// checked), or as a path.
  std::string data_path(const std::string& name) const {
    const auto beside = fs::absolute(file_.parent_path() / name).lexically_normal();
    if (!fs::exists(beside)) return name;
    const auto below = beside.lexically_relative(fs::absolute(home() / "data").lexically_normal());
    return below.empty() || *below.begin() == ".." ? beside.string() : below.string();
  }

  void data() {
    const auto path = text_at(value_, "dataset_path", "");
    const auto test = text_at(value_, "test_split", ""),
               valid = text_at(value_, "validation_split", "");
    const auto train = text_at(value_, "training_split", "");
    const auto named = text_at(value_, "fewshot_split", "");
    d_.scored = !test.empty() ? test : valid;
    // lm-eval compares the two keys as they are written.
    d_.names_own_split = named == test;
    d_.examples = !named.empty() ? named : !train.empty() ? train : !valid.empty() ? valid : test;
    const auto* kwargs = value_.find("dataset_kwargs");
    const auto* files = kwargs && kwargs->is_map() ? kwargs->find("data_files") : nullptr;
    if (kwargs && kwargs->is_map()) known_kwargs(kwargs->map());
    if (files && files->is_map()) {
      d_.documents = file_of_split(*files, d_.scored);
      if (d_.documents.empty())
        fail("{}: dataset_kwargs.data_files names no file for the split '{}'", file_.string(),
             d_.scored);
      if (d_.examples != d_.scored) d_.fewshot_documents = file_of_split(*files, d_.examples);
    } else if (files && files->is_string()) {
      d_.documents = data_path(files->string());
    } else if (files && !files->is_null()) {
      fail("{}: dataset_kwargs.data_files must name one file, or one for each split",
           file_.string());
    } else if (path.ends_with(".jsonl") || path.ends_with(".json") || path.ends_with(".csv") ||
               path.ends_with(".gz") || path.ends_with(".raw")) {
      d_.documents = data_path(path);
    } else {
      d_.hub = path;
    }
  }

  /// The file of a split; "" where none is named.
  std::string file_of_split(const Value& files, const std::string& split) const {
    const auto* one = files.find(split);
    if (!one || one->is_null()) return "";
    if (one->is_list() && one->list().size() == 1 && one->list()[0].is_string())
      one = &one->list()[0];
    if (!one->is_string())
      fail("{}: dataset_kwargs.data_files.{} must name one file; join several into one",
           file_.string(), split);
    return data_path(one->string());
  }

  /// Keys of dataset_kwargs go to Hugging Face's datasets: those that change what is read are
  /// refused.
  void known_kwargs(const Value::Map& kwargs) const {
    for (const auto& e : kwargs)
      if (e.key != "data_files" && e.key != "trust_remote_code")
        fail("{}: dataset_kwargs.{} is not supported; write the data as plain .jsonl or .csv",
             file_.string(), e.key);
  }

  void fewshot() {
    const auto shots = text_at(value_, "num_fewshot", "0");
    if (shots.find_first_not_of("0123456789") != std::string::npos || shots.size() > 4)
      fail("{}: num_fewshot must be a number, not {}", file_.string(), shots);
    d_.fewshot = std::stoll(shots);
    const auto* config = value_.find("fewshot_config");
    if (!config || !config->is_map()) return;
    for (const auto& e : config->map()) example_key(e.key, e.value);
  }

  /// What is written of examples alone (lm_eval/config/task.py, FewshotConfig).
  void example_key(const std::string& key, const Value& v) {
    const auto name = "fewshot_config." + key;
    auto& x = d_.example;
    const std::map<std::string, DocumentPart*> parts{{"doc_to_text", &x.text},
                                                     {"doc_to_target", &x.target},
                                                     {"doc_to_choice", &x.choice},
                                                     {"gen_prefix", &x.prefix}};
    if (v.is_null()) return;
    if (const auto it = parts.find(key); it != parts.end())
      *it->second = part_of(&v, name);
    else if (key == "target_delimiter")
      x.target_delimiter = python_str(v);
    else if (key == "fewshot_delimiter")
      x.delimiter = python_str(v);
    else if (key == "sampler" && v.is_string() && v.string() == "first_n")
      d_.first_examples = true;
    else if (key == "samples" && v.is_list())
      d_.fewshot_samples = text_at(value_, "fewshot_split", "").empty() ? v : Value();
    else if (key == "split" && v.is_string())
      example_split(v.string());
    else if (key == "fewshot_indices" && v.is_list())
      d_.example_numbers = numbers(v, name);
    else if (key != "sampler" || !v.is_string() || v.string() != "default")
      fail("{}: {} is not supported", file_.string(), name);
  }

  void example_split(const std::string& split) {
    d_.examples = split;
    d_.names_own_split = split == text_at(value_, "test_split", "");
    const auto* kwargs = value_.find("dataset_kwargs");
    const auto* files = kwargs && kwargs->is_map() ? kwargs->find("data_files") : nullptr;
    d_.fewshot_documents =
        files && files->is_map() && split != d_.scored ? file_of_split(*files, split) : "";
  }

  std::vector<int64_t> numbers(const Value& v, const std::string& name) const {
    std::vector<int64_t> all;
    for (const auto& i : v.list()) {
      if (!i.is_int() || std::get<int64_t>(i.data) < 0)
        fail("{}: {} must hold numbers of documents", file_.string(), name);
      all.push_back(std::get<int64_t>(i.data));
    }
    return all;
  }

  /// A metric is aggregated in its own way: another one would be another number under its name.
  void check_metric(const Value& m, const std::string& name) const {
    static const std::set<std::string> kKeys{
        "metric",      "aggregation",        "higher_is_better", "hf_evaluate",
        "ignore_case", "ignore_punctuation", "ignore_numbers",   "regexes_to_ignore"};
    static const std::map<std::string, std::set<std::string>> kOwn{
        {"perplexity", {"perplexity"}},
        {"word_perplexity", {"weighted_perplexity"}},
        {"byte_perplexity", {"weighted_perplexity"}},
        {"bits_per_byte", {"bits_per_byte"}},
        {"f1", {"f1", "mean"}},
        {"mcc", {"mcc", "matthews_corrcoef"}},
        {"brier_score", {"brier_score"}}};
    if (!m.is_map()) fail("{}: metric_list: an entry is no mapping", file_.string());
    for (const auto& e : m.map())
      if (!kKeys.contains(e.key))
        fail("{}: metric_list: {}.{} is not supported", file_.string(), name, e.key);
    const auto* given = m.find("aggregation");
    if (!given || given->is_null()) return;
    const auto own = kOwn.find(name);
    const auto aggregation = python_str(*given);
    if (name == "f1" && is_class_mean_f1(aggregation)) return;
    if (own == kOwn.end() ? aggregation == "mean" : own->second.contains(aggregation)) return;
    fail(
        "{}: metric_list: {} with the aggregation {} is not supported; leave the key out for {}'s "
        "own",
        file_.string(), name, aggregation, name);
  }

  void metrics() {
    const auto* list = value_.find("metric_list");
    if (list && list->is_list())
      for (const auto& m : list->list()) {
        MetricChoice choice;
        choice.name = text_at(m, "metric", "");
        check_metric(m, choice.name);
        choice.class_mean = is_class_mean_f1(text_at(m, "aggregation", ""));
        choice.higher_is_better = flag_at(m, "higher_is_better", true);
        choice.ignore_case = flag_at(m, "ignore_case", false);
        choice.ignore_punctuation = flag_at(m, "ignore_punctuation", false);
        choice.ignore_numbers = flag_at(m, "ignore_numbers", false);
        choice.regexes_to_ignore = texts(m.find("regexes_to_ignore"));
        d_.metrics.push_back(std::move(choice));
      }
    const auto add = [&](std::initializer_list<const char*> names) {
      if (!d_.metrics.empty()) return;
      for (const char* n : names) d_.metrics.push_back({n});
    };
    if (d_.output_type == "multiple_choice") add({"acc", "acc_norm"});
    if (d_.output_type == "loglikelihood") add({"perplexity", "acc"});
    if (d_.output_type == "loglikelihood_rolling")
      add({"word_perplexity", "byte_perplexity", "bits_per_byte"});
    if (d_.output_type == "generate_until") add({"exact_match"});
  }

  void filters() {
    const auto* list = value_.find("filter_list");
    if (list && list->is_list())
      for (const auto& f : list->list()) {
        FilterChain chain;
        chain.name = text_at(f, "name", "none");
        const auto* steps = f.find("filter");
        if (steps && steps->is_list())
          for (const auto& s : steps->list()) chain.steps.push_back(filter_step(s));
        d_.filters.push_back(std::move(chain));
      }
    if (d_.filters.empty()) d_.filters.push_back({"none", {{"take_first"}}});
  }

  FilterStep filter_step(const Value& s) const {
    static const std::vector<std::string> kKnown{
        "regex",     "take_first",   "remove_whitespace", "lowercase",
        "uppercase", "take_first_k", "majority_vote",     "multi_choice_regex"};
    FilterStep step;
    step.function = text_at(s, "function", "");
    if (std::find(kKnown.begin(), kKnown.end(), step.function) == kKnown.end())
      fail("{}: the filter '{}' is not supported{}", file_.string(), step.function,
           suggestion(step.function, kKnown));
    step.pattern = text_at(s, "regex_pattern", "#### (\\-?[0-9\\.\\,]+)");
    step.fallback = text_at(s, "fallback", "[invalid]");
    const auto* group = s.find("group_select");
    if (group && group->is_int()) step.group = std::get<int64_t>(group->data);
    step.ignore_case = flag_at(s, "ignore_case", false);
    step.ignore_punctuation = flag_at(s, "ignore_punctuation", false);
    step.regexes_to_ignore = texts(s.find("regexes_to_ignore"));
    // Mistakes of patterns, now.
    if (step.function.ends_with("regex")) text::PythonRegex{step.pattern};
    for (const auto& r : step.regexes_to_ignore) text::PythonRegex{r};
    return step;
  }

  void generation() {
    const auto* kwargs = value_.find("generation_kwargs");
    d_.until = {d_.fewshot_delimiter};
    if (!kwargs || !kwargs->is_map()) return;
    // What only sampling reads, and what says that nothing is changed.
    static const std::set<std::string> kSampling{"temperature", "top_p", "top_k", "typical_p",
                                                 "min_p"};
    static const std::set<std::string> kNeutral{"num_beams", "repetition_penalty", "length_penalty",
                                                "num_return_sequences"};
    for (const auto& e : kwargs->map()) {
      const auto written = python_str(e.value);
      if (e.key == "until")
        d_.until = texts(&e.value);
      else if ((e.key == "max_gen_toks" || e.key == "max_new_tokens") && e.value.is_int())
        d_.max_new_tokens = std::get<int64_t>(e.value.data);
      else if (e.key == "do_sample" && written != "False")
        fail("{}: generation_kwargs.do_sample: only greedy generation is built", file_.string());
      else if (kNeutral.contains(e.key) && written != "1" && written != "1.0")
        fail(
            "{}: generation_kwargs.{} = {}: only plain greedy generation is built; 1 is what it is",
            file_.string(), e.key, written);
      else if (e.key != "do_sample" && !kSampling.contains(e.key) && !kNeutral.contains(e.key))
        fail("{}: generation_kwargs.{} is not supported", file_.string(), e.key);
    }
    if (d_.max_new_tokens < 1) fail("{}: max_gen_toks must be at least 1", file_.string());
  }

  fs::path file_;
  Value value_;
  TaskNames names_;
  TaskDefinition d_;
};

}  // namespace

TaskDefinition parse_task(const std::string& yaml, const fs::path& file) {
  const auto value = load_task_yaml(yaml, file);
  if (value.find("include")) fail("{}: include needs a file to be beside", file.string());
  return Reader(file, value).read();
}

std::vector<std::string> shipped_tasks() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(home() / "data/tasks"))
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

TaskDefinition read_task(const std::string& name) {
  fs::path file;
  if (name.ends_with(".yaml") || name.ends_with(".yml")) {
    file = data_file(name);
  } else {
    const auto known = shipped_tasks();
    if (std::find(known.begin(), known.end(), name) == known.end())
      fail("task '{}' is not shipped in data/tasks{}", name, suggestion(name, known));
    file = data_file("tasks/" + name + ".yaml");
  }
  std::vector<fs::path> sources;
  const auto value = load_task_file(file, sources);
  auto task = Reader(file, value).read();
  task.sources = std::move(sources);
  return task;
}

}  // namespace bench
