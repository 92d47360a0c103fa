// Entries of a Defaults List from YAML (hydra _internal/config_repository.py).
#include <sstream>

#include "base/near.h"
#include "hydra/defaults/defaults_entry.h"

namespace bench {
namespace {

std::string at(const Value& v) {
  if (v.origin.file.empty()) return "";
  return fmt::format("\n  {}:{}", v.origin.file, v.origin.line);
}

/// "group@package" taken apart; "_here_" is the parent's package itself.
void split_package(const std::string& text, DefaultsEntry& entry, const std::string& config_path) {
  const auto sign = text.find('@');
  entry.path = text.substr(0, sign);
  if (sign == std::string::npos) return;
  auto package = text.substr(sign + 1);
  package = package.substr(0, package.find(':'));  // the old renaming form group@a:b
  check_package(package, config_path);
  entry.package = package == "_here_" ? "" : package;
}

std::vector<std::string> words(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> all;
  for (std::string word; in >> word;) all.push_back(word);
  return all;
}

DefaultsEntry config_entry(const Value& item, const std::string& config_path) {
  DefaultsEntry entry;
  split_package(item.string(), entry, config_path);
  entry.origin = item.origin;
  if (entry.path == "_self_" && entry.package)
    fail(
        "_self_@PACKAGE is not supported; a config's own package is set by `# @package name` or "
        "where it is listed{}",
        at(item));
  if (entry.path.empty())
    fail("In {}: an empty name in the defaults list{}", config_path, at(item));
  return entry;
}

void read_value(const Value& value, DefaultsEntry& entry) {
  if (value.is_null()) return;
  if (value.is_string()) {
    entry.name = value.string();
  } else if (value.is_list()) {
    entry.options.emplace();
    for (const auto& item : value.list()) {
      if (!item.is_string())
        fail("Unsupported item value in defaults : {}, nested list items must be strings{}",
             type_name(item), at(item));
      entry.options->push_back(item.string());
    }
  } else {
    fail("Unsupported item value in defaults : {}. Supported: string or list{}", type_name(value),
         at(value));
  }
}

/// Hydra 1.4: `a: b/c` is the option c of the group a/b, except for ??? and interpolations.
void normalize(DefaultsEntry& entry) {
  if (!entry.name || entry.name->find("${") != std::string::npos || entry.name == "???") return;
  if (entry.name->find('\\') != std::string::npos) return;
  if (("/" + *entry.name + "/").find("/../") != std::string::npos) return;
  const auto slash = entry.name->rfind('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == entry.name->size()) return;
  entry.group_before = entry.path;
  entry.path += "/" + entry.name->substr(0, slash);
  entry.name = entry.name->substr(slash + 1);
}

DefaultsEntry group_entry(const Value& item, const std::string& config_path) {
  if (item.map().size() > 1)
    fail("In {}: Too many keys in default item {}; one `group: option` per entry{}", config_path,
         to_json(item), at(item));
  if (item.map().empty())
    fail("In {}: Missing group name in defaults list{}", config_path, at(item));
  const auto& [key, value, kind] = item.map().front();
  DefaultsEntry entry;
  entry.is_group = true;
  entry.origin = value.origin.line ? value.origin : item.origin;
  auto all = words(key);
  if (all.empty() || all.back()[0] == '@')
    fail("In {}: Missing group name in defaults list{}", config_path, at(item));
  split_package(all.back(), entry, config_path);
  all.pop_back();
  for (const auto& word : all) {
    if (word == "optional")
      entry.optional = true;
    else if (word == "override")
      entry.is_override = true;
    else
      fail("In {}: Unsupported keyword '{}' in defaults list{}{}", config_path, word,
           suggestion(word, {"optional", "override"}), at(item));
  }
  read_value(value, entry);
  normalize(entry);
  return entry;
}

}  // namespace

std::vector<DefaultsEntry> parse_defaults(const Value& list, const std::string& config_path) {
  if (!list.is_list())
    fail(
        "Invalid defaults list in '{}', defaults must be a list (got {}); write `- group: option` "
        "lines{}",
        config_path, type_name(list) == "map" ? "mapping" : type_name(list), at(list));
  std::vector<DefaultsEntry> entries;
  for (const auto& item : list.list()) {
    if (item.is_map())
      entries.push_back(group_entry(item, config_path));
    else if (item.is_string())
      entries.push_back(config_entry(item, config_path));
    else
      fail("Unsupported type in defaults : {}{}", type_name(item), at(item));
  }
  return entries;
}

}  // namespace bench
