#include "hydra/compose/repository.h"

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "base/regular_file.h"
#include "hydra/yaml/yaml.h"

namespace bench {
namespace fs = std::filesystem;
namespace {

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

[[noreturn]] void bad_extension(const std::string& file) {
  fail(
      "Unsupported config file extension '.yml'. Hydra config files must use the '.yaml' "
      "extension.\n  {}: rename it",
      file);
}

/// "a/b" -> "a/b.yaml".
std::string file_name(const std::string& path) {
  if (ends_with(path, ".yml")) bad_extension(path);
  return ends_with(path, ".yaml") ? path : path + ".yaml";
}

std::string read(const fs::path& file) {
  require_regular(file);
  std::ifstream in(file, std::ios::binary);
  if (!in) fail("{}: cannot be read", file.string());
  if (fs::file_size(file) > kYamlMaxBytes)
    fail("{}: more than {} bytes; a config is a small text", file.string(), kYamlMaxBytes);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

std::optional<std::string> package_header(const std::string& text, const std::string& file) {
  std::istringstream in(text);
  std::optional<std::string> package;
  for (std::string line; std::getline(in, line);) {
    const auto first = line.find_first_not_of(" \t\r");
    if (first == std::string::npos) continue;
    if (line[first] != '#') break;
    auto body = line.substr(first);
    body.erase(0, body.find_first_not_of("# \t"));
    if (body.empty() || body[0] != '@') break;  // Hydra stops at the first other comment
    std::istringstream words(body);
    std::vector<std::string> all;
    for (std::string word; words >> word;) all.push_back(word);
    if (all.size() < 2)
      fail("Expected header format: KEY VALUE, got '{}'\n  {}: write `# @package name`", body,
           file);
    if (all.size() > 2)
      fail("Too many components in '{}'\n  {}: write `# @package name`", body, file);
    if (all[0] == "@package") package = all[1];
  }
  return package;
}

std::optional<fs::path> Repository::find(const std::string& path) const {
  const auto name = file_name(path);
  for (const auto& folder : search_path_) {
    std::error_code ignored;
    if (fs::is_regular_file(folder / name, ignored)) return folder / name;
  }
  return std::nullopt;
}

bool Repository::config_exists(const std::string& path) const {
  return find(path).has_value();
}

bool Repository::group_exists(const std::string& group) const {
  const auto known = known_groups_.find(group);
  if (known != known_groups_.end()) return known->second;
  const bool exists =
      std::any_of(search_path_.begin(), search_path_.end(), [&](const auto& folder) {
        std::error_code ignored;
        return fs::is_directory(folder / group, ignored);
      });
  return known_groups_[group] = exists;
}

std::shared_ptr<const ConfigFile> Repository::load(const std::string& path) {
  const auto it = loaded_.find(path);
  if (it != loaded_.end()) return it->second;
  auto& slot = loaded_[path];
  const auto file = find(path);
  if (!file) return nullptr;
  const auto text = read(*file);
  auto config = std::make_shared<ConfigFile>();
  config->config = load_yaml(text, file->string());
  config->header = package_header(text, file->string());
  if (const Value* defaults = config->config.find("defaults")) {
    config->defaults = parse_defaults(*defaults, path);
    config->config.erase("defaults");
  }
  return slot = config;
}

std::vector<std::string> Repository::options(const std::string& group) const {
  std::set<std::string> names;
  for (const auto& folder : search_path_) {
    std::error_code ignored;
    if (!fs::is_directory(folder / group, ignored)) continue;
    for (const auto& entry : fs::directory_iterator(folder / group, ignored)) {
      const auto name = entry.path().filename().string();
      if (!entry.is_regular_file()) continue;
      if (ends_with(name, ".yml")) bad_extension(entry.path().string());
      if (ends_with(name, ".yaml")) names.insert(name.substr(0, name.size() - 5));
    }
  }
  return {names.begin(), names.end()};
}

std::vector<std::string> Repository::groups(const std::string& group) const {
  std::set<std::string> names;
  for (const auto& folder : search_path_) {
    std::error_code ignored;
    if (!fs::is_directory(folder / group, ignored)) continue;
    for (const auto& entry : fs::directory_iterator(folder / group, ignored))
      if (entry.is_directory() && entry.path().filename().string()[0] != '.')
        names.insert(entry.path().filename().string());
  }
  return {names.begin(), names.end()};
}

std::vector<std::string> Repository::all_groups() const {
  std::vector<std::string> all, open{""};
  while (!open.empty() && all.size() < 1000) {
    const auto parent = open.back();
    open.pop_back();
    for (const auto& name : groups(parent)) {
      const auto group = parent.empty() ? name : parent + "/" + name;
      all.push_back(group);
      if (std::count(group.begin(), group.end(), '/') < 8) open.push_back(group);
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace bench
