#include "reports/fill_command.h"

#include <cstdlib>

#include "base/error.h"

namespace bench {

namespace {

bool is_number(const std::string& text) {
  char* end = nullptr;
  std::strtod(text.c_str(), &end);
  return !text.empty() && *end == '\0';
}

/// A word as a shell takes it.
std::string quoted(const std::string& word) {
  const bool plain = word.find_first_not_of(
                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "0123456789_-+.,:/=@[]") == std::string::npos;
  return plain ? word : "'" + word + "'";
}

/// Texts and tasks that ship; of other texts, and of images, the command leaves the file open.
std::string task_words(const std::vector<std::string>& tasks, int64_t window,
                       const PublishedRow& row) {
  std::string list;
  for (const auto& t : tasks) list += (list.empty() ? "" : ",") + t;
  if (row.metric == "top1")
    return fmt::format(" task={0} task.{0}.file=FILE task.{0}.label={0}", list);
  if (row.metric != "ppl") return " " + quoted("task=[" + list + "]");
  if (tasks[0] == "wikitext2") return fmt::format(" ++task.wikitext2.window={}", window);
  return " " + quoted("~task") + " " +
         quoted(fmt::format("+task.{0}={{name: perplexity, text: FILE, label: {0}, window: {1}}}",
                            tasks[0], window));
}

/// Where the weights are: known, shipped under the name, or left open.
std::string path_words(const PublishedRow& row, const Published& published) {
  const auto path = published.paths.find(row.model);
  if (path != published.paths.end()) return " " + quoted("model.path=" + path->second);
  return published.names.count({"model", row.model}) > 0 ? "" : " model.path=FOLDER";
}

std::string pattern_words(const PublishedRow& row) {
  const bool images = row.metric == "top1";
  const std::string data = images ? " data=cifar10" : "";
  if (row.pattern == "structured")
    return (images ? data + " pattern=channels" : " data=llm_pruner pattern=heads_neurons") +
           " propagation=dense shrink=true sparsity=" + row.sparsity;
  if (const size_t colon = row.pattern.find(':'); colon != std::string::npos)
    return fmt::format("{} pattern={}of{}", data, row.pattern.substr(0, colon),
                       row.pattern.substr(colon + 1));
  return data + " sparsity=" + row.sparsity;
}

}  // namespace

std::string fill_command(const PublishedRow& row, const std::vector<std::string>& tasks,
                         int64_t window, const Published& published, const JoinOptions& options,
                         std::string& reason) {
  const auto method = published.ours("method", row.method);
  const bool dense = name_key(method) == "dense";
  std::string criterion;
  for (const auto& name : options.criteria) {
    if (name_key(name) == name_key(method)) criterion = name;
  }
  if (!dense && criterion.empty()) {
    reason = fmt::format("the method '{}' is not here", row.method);
    return "";
  }
  if (!dense && !is_number(row.sparsity)) {
    reason = fmt::format("its budget '{}' is no share of weights", row.sparsity);
    return "";
  }
  for (const auto& task : tasks) {
    if (row.metric == "ppl" || options.tasks.count(task) > 0) continue;
    reason = fmt::format("the task '{}' is not here", task);
    return "";
  }
  const auto given = options.models.find(row.model);
  std::string words = "bench run configs/reproduce.yaml ";
  if (given != options.models.end())
    words += quoted("model.name=" + given->second);
  else
    words +=
        quoted("model.name=" + published.ours("model", row.model)) + path_words(row, published);
  words += task_words(tasks, window, row);
  // How that paper measures, where it is not as configs/reproduce.yaml does.
  if (published.names.count({"choice", row.paper}) > 0)
    words += " protocol=" + published.ours("choice", row.paper);
  if (dense) return words + " sparsity=0";
  words += " criterion=" + criterion + pattern_words(row);
  if (row.recovery != "none")
    words += " +stage@after.recover=" +
             (row.metric == "top1" ? "train" : published.ours("recovery", row.recovery));
  return words;
}

}  // namespace bench
