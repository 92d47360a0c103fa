// One byte of any file that any plugin reads is another trial.
#include <algorithm>
#include <map>

#include "core/allocator.h"
#include "core/criterion.h"
#include "core/stage.h"
#include "core/task.h"
#include "core/update.h"
#include "data/data.h"
#include "test.h"
#include "trial/trial.h"

using namespace bench;
using namespace bench::test;

namespace fs = std::filesystem;

namespace {

/// The one trial of a configuration; nothing where it has mistakes.
std::optional<TrialSpec> planned(const fs::path& config) {
  setenv("BENCH_HOME", root().c_str(), 1);
  ComposeRequest request;
  request.primary = config;
  auto planned = plan_jobs(expand(request));
  if (!planned.mistakes.empty() || planned.trials.size() != 1) return std::nullopt;
  return planned.trials.front().spec;
}

/// Files of each kind that plugins read, as copies that may be changed.
struct Files {
  TempDir dir;
  std::vector<fs::path> all;

  Files() {
    for (const char* shipped : {"text/tinystories_sample_2MiB.txt", "text/c4/sample_c4-rp1.jsonl",
                                "vision/cifar10_test932.bin"}) {
      all.push_back(dir.path / fs::path(shipped).filename());
      fs::copy_file(root() / "data" / shipped, all.back());
    }
    write("labelled.jsonl",
          "{\"sentence\": \"good\", \"label\": 1}\n"
          "{\"sentence\": \"bad\", \"label\": 0}\n");
    write("words.txt", "the cat sat\nthe dog ran\n");
    write("documents.jsonl", "{\"q\": \"a\", \"gold\": \"b\"}\n{\"q\": \"c\", \"gold\": \"d\"}\n");
    const std::string task =
        "output_type: loglikelihood\ntest_split: test\ndataset_path: json\n"
        "dataset_kwargs: {data_files: {test: documents.jsonl}}\ndoc_to_text: '{{q}}'\n"
        "doc_to_target: gold\n";
    write("task.yaml", "task: mine\n" + task);
    write("group.yaml", "group: all\ntask: [mine]\naggregate_metric_list: [{metric: acc}]\n");
    write("program.py", "# a program of the user's\n");
  }
  void write(const std::string& name, const std::string& text) {
    all.push_back(dir.path / name);
    std::ofstream(all.back()) << text;
  }
};

const std::vector<std::string> kModels = {"models/stories260k", "models/resnet20",
                                          "families/bert-mlm", "families/roberta-cls",
                                          "models/detector8"};

/// A value for a required key that is no file.
std::string other_value(const Key& k) {
  if (!k.choices.empty()) return k.choices.front();
  switch (k.type) {
    case Key::Type::Int:
      return "1";
    case Key::Type::Float:
      return "0.5";
    default:
      return "";
  }
}

/// What a plugin is called with when `file` stands in each place that may name one.
std::string settings(const std::string& name, const Schema& schema, const fs::path& file) {
  auto text = "{name: " + name;
  for (const auto& k : schema.keys()) {
    const bool names_file = k.files || k.name == "file" || k.name == "text" || k.name == "task";
    if (names_file && k.type == Key::Type::Strings)
      text += ", " + k.name + ": ['" + file.string() + "']";
    else if (names_file && k.type == Key::Type::String)
      text += ", " + k.name + ": '" + file.string() + "'";
    else if (!k.fallback)
      text += ", " + k.name + ": " + other_value(k);
  }
  return text + "}";
}

/// Tries every file and model until the plugin takes them; then one byte more is another id.
template <class T>
void try_all(const std::string& before, const std::string& after, std::vector<std::string>& read) {
  Files files;
  const auto config = files.dir.path / "one.yaml";
  for (const auto& [name, plugin] : Registry<T>::instance().all()) {
    bool taken = false;
    for (const auto& file : files.all)
      for (const auto& model : kModels) {
        const auto part = settings(name, plugin.schema, file);
        if (taken || !contains(part, file.string())) continue;
        std::ofstream(config) << "model: {name: m, path: " << (root() / "data" / model).string()
                              << "}\n"
                              << before << part << after;
        const auto one = planned(config);
        if (!one) continue;
        taken = true;
        INFO(name << " reads " << file);
        CHECK(planned(config)->id == one->id);
        auto bytes = slurp(file);
        bytes.back() = bytes.back() == ' ' ? '\n' : ' ';
        std::ofstream(file, std::ios::binary) << bytes;
        const auto two = planned(config);
        REQUIRE(two);
        CHECK(two->id != one->id);
        read.push_back(name);
      }
  }
}

}  // namespace

TEST_CASE("one byte of a file that a plugin reads is another trial", "[trial]") {
  std::vector<std::string> read;
  const std::string task =
      "task: {size: {name: size}}\npattern: {kind: unstructured}\npropagation: dense\n"
      "shrink: false\n";
  try_all<Task>("sparsity: 0\ntask: {one: ", "}\n", read);
  try_all<Stage>("sparsity: 0\n" + task + "after: {one: ", "}\n", read);
  try_all<Criterion>("sparsity: 0.5\n" + task + "criterion: ", "\n", read);
  try_all<Allocator>("sparsity: 0.5\n" + task + "criterion: {name: magnitude}\nallocator: ", "\n",
                     read);
  try_all<Update>("sparsity: 0.5\n" + task + "criterion: {name: magnitude}\nupdate: ", "\n", read);
  for (const char* expected : {"perplexity", "lm_eval", "classification", "lora", "external"}) {
    CAPTURE(expected);
    CHECK(std::count(read.begin(), read.end(), expected) == 1);
  }
  std::string names;
  for (const auto& name : read) names += name + " ";
  CAPTURE(names);
  CHECK(read.size() >= 12);
}
