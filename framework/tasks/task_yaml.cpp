#include "tasks/task_yaml.h"

#include <algorithm>

#include "base/error.h"
#include "hydra/yaml/yaml.h"
#include "data/data.h"
#include "jinja/python_regex.h"

namespace bench {

namespace fs = std::filesystem;

Value load_task_yaml(const std::string& yaml, const fs::path& file) {
  const auto text = text::PythonRegex("(:|-)([ \\t]+)(!function[ \\t]+)\"?([\\w.]+)\"?")
                        .sub(yaml, "\\1\\2\"\\3\\4\"");
  auto value = load_yaml(text, file.string());
  if (!value.is_map()) fail("{}: is no task: a mapping is needed", file.string());
  return value;
}

namespace {

constexpr int kMostIncludes = 64;

/// A definition over what it includes, the nearer key winning.
Value with_includes(const fs::path& file, std::vector<fs::path>& read, int& budget, int depth = 0) {
  if (depth > 8) fail("{}: includes itself, or too deep", file.string());
  if (--budget < 0) fail("{}: includes more than {} files", file.string(), kMostIncludes);
  auto own = load_task_yaml(read_file(file), file);
  if (std::find(read.begin(), read.end(), file) == read.end()) read.push_back(file);
  const auto* named = own.find("include");
  if (!named) return own;
  std::vector<std::string> names;
  if (named->is_string()) names = {named->string()};
  if (named->is_list())
    for (const auto& n : named->list())
      if (n.is_string()) names.push_back(n.string());
  if (names.empty()) fail("{}: include must name a file", file.string());
  Value all{Value::Map{}};
  for (const auto& name : names) {
    const auto other = fs::path(name).is_absolute() ? fs::path(name) : file.parent_path() / name;
    const auto included = with_includes(other, read, budget, depth + 1);
    for (const auto& e : included.map()) all.set(e.key, e.value);
  }
  own.erase("include");
  for (const auto& e : own.map()) all.set(e.key, e.value);
  return all;
}

}  // namespace

Value load_task_file(const fs::path& file, std::vector<fs::path>& read) {
  int budget = kMostIncludes;
  return with_includes(file, read, budget);
}

}  // namespace bench
