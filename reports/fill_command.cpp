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

/// Texts and tasks that ship; of others the command leaves the file open.
std::string task_words(const std::vector<std::string>& tasks, int64_t window,
                       const std::string& metric) {
  std::string list;
  for (const auto& t : tasks) list += (list.empty() ? "" : ",") + t;
  if (metric != "ppl") return " " + quoted("task=[" + list + "]");
  if (tasks[0] == "wikitext2") return fmt::format(" ++task.wikitext2.window={}", window);
  return " " + quoted(fmt::format("~task")) + " " +
         quoted(fmt::format("+task.{0}={{name: perplexity, text: FILE, label: {0}, window: {1}}}",
                            tasks[0], window));
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
  const auto given = options.models.find(row.model);
  const auto name =
      given == options.models.end() ? published.ours("model", row.model) : given->second;
  const auto path = published.paths.find(row.model);
  std::string words = "bench run configs/reproduce.yaml " + quoted("model.name=" + name);
  if (given == options.models.end())
    words +=
        " " + quoted("model.path=" + (path == published.paths.end() ? "FOLDER" : path->second));
  words += task_words(tasks, window, published.ours("metric", row.metric));
  // How that paper measures, where it is not as configs/reproduce.yaml does.
  if (published.names.count({"choice", row.paper}) > 0)
    words += " protocol=" + published.ours("choice", row.paper);
  if (dense) return words + " sparsity=0";
  words += " criterion=" + criterion;
  if (row.pattern == "structured")
    return words +
           " pattern=heads_neurons data=llm_pruner propagation=dense shrink=true sparsity=" +
           row.sparsity;
  if (const size_t colon = row.pattern.find(':'); colon != std::string::npos)
    return words + fmt::format(" pattern={}of{}", row.pattern.substr(0, colon),
                               row.pattern.substr(colon + 1));
  return words + " sparsity=" + row.sparsity;
}

}  // namespace bench
