#include "reports/fill_command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <set>

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

using Words = std::vector<std::string>;

/// Texts and tasks that ship; of other texts, and of images, the words leave the file open.
void add_tasks(const std::vector<std::string>& tasks, int64_t window, const PublishedRow& row,
               Words& words) {
  const auto list = fmt::format("{}", fmt::join(tasks, ","));
  if (row.metric == "top1") {
    words.push_back("task=" + list);
    words.push_back(fmt::format("task.{}.file=FILE", list));
    words.push_back(fmt::format("task.{0}.label={0}", list));
  } else if (row.metric != "ppl") {
    words.push_back("task=[" + list + "]");
  } else if (tasks[0] == "wikitext2") {
    words.push_back(fmt::format("++task.wikitext2.window={}", window));
  } else {
    words.emplace_back("~task");
    words.push_back(fmt::format(
        "+task.{0}={{name: perplexity, text: FILE, label: {0}, window: {1}}}", tasks[0], window));
  }
}

/// Where the weights are: known, shipped under the name, or left open.
void add_path(const PublishedRow& row, const Published& published, Words& words) {
  const auto path = published.paths.find(row.model);
  if (path != published.paths.end())
    words.push_back("model.path=" + path->second);
  else if (published.names.count({"model", row.model}) == 0)
    words.emplace_back("model.path=FOLDER");
}

void add_pattern(const PublishedRow& row, Words& words) {
  const bool images = row.metric == "top1";
  if (images) words.emplace_back("data=cifar10");
  if (row.pattern == "structured") {
    if (!images) words.emplace_back("data=llm_pruner");
    for (const auto& word :
         {std::string(images ? "pattern=channels" : "pattern=heads_neurons"),
          std::string("propagation=dense"), std::string("shrink=true"), "sparsity=" + row.sparsity})
      words.push_back(word);
  } else if (const size_t colon = row.pattern.find(':'); colon != std::string::npos) {
    words.push_back(
        fmt::format("pattern={}of{}", row.pattern.substr(0, colon), row.pattern.substr(colon + 1)));
  } else {
    words.push_back("sparsity=" + row.sparsity);
  }
}

/// A word as YAML takes it between double quotes.
std::string yaml_quoted(const std::string& word) {
  std::string out = "\"";
  for (const char c : word)
    out += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return out + "\"";
}

bool is_open(const Words& words) {
  return std::any_of(words.begin(), words.end(), [](const std::string& w) {
    return w.ends_with("=FOLDER") || w.ends_with("=FILE") || w.find("text: FILE") != w.npos;
  });
}

}  // namespace

Words fill_overrides(const PublishedRow& row, const std::vector<std::string>& tasks, int64_t window,
                     const Published& published, const JoinOptions& options, std::string& reason) {
  const auto method = published.ours("method", row.method);
  const bool dense = name_key(method) == "dense";
  std::string criterion;
  for (const auto& name : options.criteria) {
    if (name_key(name) == name_key(method)) criterion = name;
  }
  if (!dense && criterion.empty()) {
    reason = fmt::format("the method '{}' is not here", row.method);
    return {};
  }
  if (!dense && !is_number(row.sparsity)) {
    reason = fmt::format("its budget '{}' is no share of weights", row.sparsity);
    return {};
  }
  for (const auto& task : tasks) {
    if (row.metric == "ppl" || options.tasks.count(task) > 0) continue;
    reason = fmt::format("the task '{}' is not here", task);
    return {};
  }
  const auto given = options.models.find(row.model);
  Words words;
  if (given != options.models.end()) {
    words.push_back("model.name=" + given->second);
  } else {
    words.push_back("model.name=" + published.ours("model", row.model));
    add_path(row, published, words);
  }
  add_tasks(tasks, window, row, words);
  // How that paper measures, where it is not as configs/reproduce.yaml does.
  if (published.names.count({"choice", row.paper}) > 0)
    words.push_back("protocol=" + published.ours("choice", row.paper));
  if (dense) {
    words.emplace_back("sparsity=0");
    return words;
  }
  words.push_back("criterion=" + criterion);
  add_pattern(row, words);
  if (row.recovery != "none")
    words.push_back("+stage@after.recover=" +
                    (row.metric == "top1" ? "train" : published.ours("recovery", row.recovery)));
  return words;
}

std::string fill_command(const Words& overrides) {
  if (overrides.empty()) return "";
  std::string line = "bench run configs/reproduce.yaml";
  for (const auto& word : overrides) line += " " + quoted(word);
  return line;
}

std::string fill_sweep(const std::vector<Words>& missing) {
  std::set<Words> seen;
  std::string items;
  size_t open = 0;
  for (const auto& words : missing) {
    if (words.empty() || !seen.insert(words).second) continue;
    if (is_open(words)) {
      ++open;
      continue;
    }
    std::string item;
    for (const auto& word : words) {
      const auto equals = word.find('=');
      item += fmt::format("{}{}: {}", item.empty() ? "" : ", ", yaml_quoted(word.substr(0, equals)),
                          yaml_quoted(word.substr(equals + 1)));
    }
    items += "  - {" + item + "}\n";
  }
  if (items.empty()) return "";
  return fmt::format(
      "# Made by bench reproduce --sweep: {} trials that fill a table; {} more want a file or a "
      "folder "
      "of yours.\ndefaults: [reproduce, _self_]\nsweep:\n{}",
      seen.size() - open, open, items);
}

}  // namespace bench
