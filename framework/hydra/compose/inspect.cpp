#include "hydra/compose/inspect.h"

#include <algorithm>

#include "base/error.h"
#include "base/near.h"
#include "hydra/yaml/yaml.h"

namespace bench {
namespace {

std::string title(const std::string& text) {
  return text + "\n" + std::string(text.size(), '*') + "\n";
}

using Row = std::vector<std::string>;

/// | a | b |, columns as wide as their widest cell.
std::string table(const Row& header, const std::vector<Row>& rows) {
  std::vector<size_t> widths;
  for (size_t c = 0; c < header.size(); ++c) {
    size_t width = header[c].size();
    for (const auto& row : rows) width = std::max(width, row[c].size());
    widths.push_back(width);
  }
  const auto line = [&](const Row& row) {
    std::string text;
    for (size_t c = 0; c < row.size(); ++c) text += fmt::format("| {:<{}} ", row[c], widths[c]);
    return text + "|\n";
  };
  const auto head = line(header);
  std::string text = head + std::string(head.size() - 1, '-') + "\n";
  for (const auto& row : rows) text += line(row);
  return text;
}

std::string label(const DefaultsEntry& entry) {
  if (!entry.is_group) return entry.is_self() ? "_self_" : entry.config_path();
  return entry.override_key() + ": " + entry.name.value_or("null");
}

void tree_lines(const DefaultsNode& node, int depth, std::string& text) {
  if (node.entry.deleted) return;
  const bool empty_root = node.entry.primary && node.entry.path.empty();
  text += std::string(static_cast<size_t>(2 * depth), ' ');
  text += (empty_root ? "<root>" : label(node.entry)) + (node.children.empty() ? "\n" : ":\n");
  for (const auto& child : node.children) tree_lines(*child, depth + 1, text);
}

Value part(const Composition& composition, const Value& whole, const ShowOptions& options) {
  Value value = whole;
  if (options.resolve) value = resolve(whole, composition.context());
  if (options.package.empty() || options.package == "_global_") return value;
  Value* found = &value;
  for (const auto& key : split_key(options.package)) {
    Value* next = found->is_map() ? found->find(key) : nullptr;
    if (!next) {
      std::vector<std::string> known;
      if (found->is_map())
        for (const auto& entry : found->map()) known.push_back(entry.key);
      fail("--package {}: the configuration has no '{}'{}", options.package, key,
           suggestion(key, known));
    }
    found = next;
  }
  return Value(*found);
}

}  // namespace

std::string show_config(const ComposeRequest& request, const std::string& what,
                        const ShowOptions& options) {
  const std::vector<std::string> known = {"job", "hydra", "all"};
  if (std::find(known.begin(), known.end(), what) == known.end())
    fail("--cfg: unknown choice '{}'{}", what, suggestion(what, known));
  const auto composition = compose(request);
  Value whole = what == "hydra" ? Value(Value::Map{}) : composition.config;
  if (what != "job") whole.set("hydra", composition.settings);
  const auto text = to_yaml(part(composition, whole, options));
  return options.package.empty() ? text : "# @package " + options.package + "\n" + text;
}

std::string show_defaults(const Composition& composition) {
  std::vector<Row> rows;
  for (const auto& one : composition.defaults)
    rows.push_back({one.config_path, one.package, one.is_self ? "True" : "False",
                    one.parent.empty() ? "<root>" : one.parent});
  return title("Defaults List") + table({"Config path", "Package", "_self_", "Parent"}, rows);
}

std::string show_defaults_tree(const Composition& composition) {
  std::string text;
  tree_lines(*composition.tree, 0, text);
  return title("Defaults Tree") + text;
}

std::string show_search_path(const Composition& composition) {
  std::vector<Row> rows;
  for (size_t i = 0; i < composition.search_path.size(); ++i)
    rows.push_back({i == 0 ? "main" : "config-dir", composition.search_path[i].string()});
  return title("Config search path") + table({"Provider", "Search path"}, rows);
}

std::string show_info(const ComposeRequest& request, const std::string& what) {
  const std::vector<std::string> known = {"all", "config", "defaults", "defaults-tree",
                                          "searchpath"};
  if (std::find(known.begin(), known.end(), what) == known.end())
    fail("--info: unknown choice '{}'{}", what, suggestion(what, known));
  const auto composition = compose(request);
  const bool all = what == "all";
  std::string text;
  const auto add = [&](const std::string& name, const std::string& block) {
    if (all || what == name) text += (text.empty() ? "" : "\n") + block;
  };
  add("searchpath", show_search_path(composition));
  add("defaults-tree", show_defaults_tree(composition));
  add("defaults", show_defaults(composition));
  add("config", title("Config") + to_yaml(composition.config));
  return text;
}

}  // namespace bench
