#include "hydra/defaults/defaults_entry.h"

#include <algorithm>

namespace bench {
namespace {

std::string dots(std::string group) {
  std::replace(group.begin(), group.end(), '/', '.');
  return group;
}

std::string join(const std::string& a, const std::string& b, char separator) {
  if (a.empty() || b.empty()) return a + b;
  return a + separator + b;
}

}  // namespace

std::optional<std::string> DefaultsEntry::option() const {
  if (is_group) return name;
  return path.substr(path.rfind('/') + 1);
}

bool DefaultsEntry::is_missing() const {
  return option() == "???";
}

bool DefaultsEntry::is_interpolation() const {
  if (is_group) return name && name->find("${") != std::string::npos;
  return config_path().find("${") != std::string::npos;
}

std::string DefaultsEntry::group_path() const {
  const bool absolute = path[0] == '/';
  std::string group = absolute ? path.substr(1) : path;
  if (!is_group) {
    const auto slash = group.rfind('/');
    group = slash == std::string::npos ? "" : group.substr(0, slash);
  }
  return absolute || appended ? group : join(base_group, group, '/');
}

std::string DefaultsEntry::config_path() const {
  if (is_group) return group_path() + "/" + name.value_or("null");
  return path[0] == '/' ? path.substr(1) : join(base_group, path, '/');
}

std::string DefaultsEntry::default_package() const {
  return dots(group_path());
}

std::string DefaultsEntry::final_package(bool with_header) const {
  auto own = package || !with_header ? package : header;
  if (!own) {
    std::string relative = path[0] == '/' ? path.substr(1) : path;
    if (!is_group) {
      const auto slash = relative.rfind('/');
      relative = slash == std::string::npos ? "" : relative.substr(0, slash);
    }
    own = dots(relative);
  }
  const auto whole = join(is_group && appended ? "" : base_package, *own, '.');
  // `_global_` starts again at the root; the last one counts.
  const auto at = whole.rfind("_global_");
  if (at == std::string::npos) return whole;
  return at + 9 <= whole.size() ? whole.substr(at + 9) : "";
}

std::string DefaultsEntry::override_key() const {
  const auto final_one = final_package(false);
  const auto group = group_path();
  if (final_one == default_package()) return group;
  return group + "@" + (final_one.empty() ? "_global_" : final_one);
}

std::string DefaultsEntry::relative_override_key() const {
  return package && *package != default_package() ? path + "@" + *package : path;
}

std::string DefaultsEntry::text() const {
  if (!is_group) return path;
  std::string value = name.value_or("null");
  if (options) {
    value.clear();
    for (const auto& one : *options) value += (value.empty() ? "" : ", ") + one;
    value = "[" + value + "]";
  }
  return override_key() + ": " + value;
}

void DefaultsEntry::set_header(const std::optional<std::string>& package_header) {
  if (!package_header) return;
  const bool global = *package_header == "_global_" || package_header->rfind("_global_.", 0) == 0;
  header = global ? *package_header : "_global_." + *package_header;
}

void DefaultsEntry::check_header() const {
  if (package || !header) return;
  check_package(*header, "the header of '" + config_path() + "'");
  if (header->find("_here_") != std::string::npos)
    throw Trap(1, "in the header of '" + config_path() +
                      "': `_here_` stands for a parent, a header is absolute; name the package");
}

void check_package(const std::string& package, const std::string& where) {
  for (const char* word : {"_group_", "_name_"}) {
    const auto at = package.find(word);
    if (at == std::string::npos) continue;
    throw Trap(1, fmt::format("in {}: `{}` is not a package; write the group or name itself, such "
                              "as @{}",
                              where, word, std::string(word) == "_group_" ? "db" : "mysql"));
  }
  if (package.find("_here_.") != std::string::npos || package.find("._here_") != std::string::npos)
    throw Trap(1, fmt::format("in {}: nothing may follow `_here_` ('{}'); a package is relative to "
                              "its parent anyway, write @{}",
                              where, package,
                              package.substr(package.find("_here_") + 6).empty()
                                  ? "name"
                                  : package.substr(package.find("_here_") + 7)));
}

void check_entry_paths(const DefaultsEntry& entry, const std::string& containing) {
  std::vector<std::pair<const char*, std::string>> paths;
  if (entry.is_self()) return;
  paths.emplace_back(entry.is_group ? "config group" : "config", entry.path);
  if (entry.is_group && entry.name) paths.emplace_back("config option", *entry.name);
  if (entry.options)
    for (const auto& option : *entry.options) paths.emplace_back("config option", option);
  for (const auto& [kind, path] : paths) {
    if (path.find('\\') != std::string::npos)
      fail(
          "In {}: Backslash ('\\') in Defaults List {} paths is not supported ('{}').\n"
          "Use '/' as the config group separator; it is the only supported separator, regardless "
          "of the operating system.",
          containing, kind, path);
    if (("/" + path + "/").find("/../") == std::string::npos) continue;
    const std::string remedy =
        kind == std::string("config")
            ? "Use an absolute config path instead, such as '/group/config'."
        : kind == std::string("config group")
            ? "Use an absolute config group path instead, such as '/group: option'."
            : "Config options cannot contain parent traversal. Select the target config directly. "
              "Use '/config' or '/group: option' in a Defaults List, or 'group=option' (with '+' "
              "when adding a new default) on the command line.";
    fail("In {}: Parent traversal ('..') in Defaults List {} paths is not supported ('{}').\n{}",
         containing, kind, path, remedy);
  }
}

}  // namespace bench
