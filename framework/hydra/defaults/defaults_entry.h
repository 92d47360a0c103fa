#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "hydra/yaml/value.h"

namespace bench {

/// An Error of specification 10: what the reference lets pass and we refuse on purpose.
struct Trap : Error {
  Trap(int which, const std::string& text) : Error(text), number(which) {}
  int number;
};

/// One entry of a Defaults List, and where it stands (Hydra core/default_element.py).
struct DefaultsEntry {
  bool is_group = false;
  std::string path;                                 // of a config, or the group
  std::optional<std::string> name;                  // a group's option; none: null
  std::optional<std::vector<std::string>> options;  // a group's list of options
  std::optional<std::string> package;               // @package
  bool optional = false, is_override = false;
  bool appended = false;  // by `+group=name`: absolute
  bool primary = false, deleted = false;
  std::optional<std::string> group_before;  // `a: b/c` was read as `a/b: c`
  Origin origin;

  // Where the containing config stands; set when the tree is built.
  std::string base_group, base_package;
  std::optional<std::string> header;  // of the config itself: `# @package x`

  bool is_self() const { return !is_group && path == "_self_"; }
  bool is_missing() const;
  bool is_interpolation() const;
  /// The option, or the last part of a config's path; none for `group: null`.
  std::optional<std::string> option() const;
  std::string group_path() const;
  std::string config_path() const;
  std::string default_package() const;
  std::string final_package(bool with_header = true) const;
  /// What identifies a group choice: `group` or `group@package`.
  std::string override_key() const;
  std::string relative_override_key() const;
  /// "group: option" as it stands in the file, for messages.
  std::string text() const;

  void set_header(const std::optional<std::string>& package_header);
  /// Trap T1, where the header decides the package.
  void check_header() const;
};

/// Reads the list that stands under `defaults:` of that config.
std::vector<DefaultsEntry> parse_defaults(const Value& list, const std::string& config_path);

/// An Error if a package uses a keyword in a way the reference silently takes as text (trap T1).
void check_package(const std::string& package, const std::string& where);

/// "In X: Parent traversal ('..') ..." and the same for backslashes.
void check_entry_paths(const DefaultsEntry& entry, const std::string& containing);

}  // namespace bench
