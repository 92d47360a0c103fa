#include "hydra/defaults/defaults_errors.h"

#include <fmt/ranges.h>

#include "base/near.h"

namespace bench {

std::string place_of(const DefaultsEntry& entry) {
  if (entry.origin.file.empty() || entry.origin.line == 0) return "";
  return fmt::format("\n  {}:{}", entry.origin.file, entry.origin.line);
}

namespace {

/// Where the config would be if `a: b/c` still meant option b/c of group a (Hydra 1.3).
std::string old_group(const DefaultsNode& node) {
  const DefaultsEntry& e = node.entry;
  DefaultsEntry old = e;
  if (e.group_before) old.path = *e.group_before;
  old.base_group = node.parent ? old_group(*node.parent) : "";
  return old.group_path();
}

}  // namespace

void fail_not_found(const Repository& repository, const DefaultsNode& node) {
  const auto& entry = node.entry;
  const auto path = entry.config_path();
  std::string sources;
  for (const auto& folder : repository.search_path()) sources += "\n\t" + folder.string();
  if (entry.primary)
    fail(
        "Cannot find primary config '{}'. Check that it's in your config search path.\n"
        "Config search path:{}",
        path, sources);
  for (const auto* up = &node; up; up = up->parent) {
    if (!up->entry.group_before || up == &node) continue;
    const auto group = old_group(node);
    const auto old = (group.empty() ? "" : group + "/") + *entry.option();
    if (!repository.config_exists(old)) continue;
    fail(
        "Could not load '{}'.\nHowever, a config was found at '{}', which indicates this "
        "application\nrelies on the deprecated slash-containing default option shorthand "
        "behavior: '{}: x/y' now means group '{}', option y.",
        path, old, *up->entry.group_before, up->entry.path);
  }
  std::string text = "In '" + (node.parent ? node.parent->entry.config_path() : "") + "': ";
  if (entry.is_group) {
    const auto options = repository.options(entry.group_path());
    text += "Could not find '" + path + "'" + suggestion(*entry.option(), options) + "\n";
    if (!options.empty())
      text += fmt::format("\nAvailable options in '{}':\n\t{}", entry.group_path(),
                          fmt::join(options, "\n\t"));
    else if (!repository.group_exists(entry.group_path()))
      text += "\nThere is no config group '" + entry.group_path() + "'" +
              suggestion(entry.group_path(), repository.all_groups());
  } else {
    text += "Could not load '" + path + "'.";
    const auto near = nearest(path, repository.options(""));
    if (!near.empty()) text += fmt::format(" Did you mean {}?", fmt::join(near, ", "));
    if (path.find(' ') != std::string::npos)
      text += " Keywords stand before a group: `optional GROUP: NAME`.";
  }
  fail("{}\nConfig search path:{}{}", text, sources, place_of(entry));
}

void check_unique(const std::vector<FinalDefault>& list) {
  std::set<std::string> keys;
  for (const auto& one : list)
    if (one.override_key && !keys.insert(*one.override_key).second)
      fail(
          "{} appears more than once in the final defaults list; give one of them a package of "
          "its own, as in {}@other",
          *one.override_key, *one.override_key);
}

}  // namespace bench
