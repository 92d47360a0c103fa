#include "hydra/defaults/defaults.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/near.h"
#include "hydra/defaults/defaults_errors.h"
#include "hydra/defaults/defaults_overrides.h"

namespace bench {
namespace {

constexpr int kMaxDepth = 50;  // configs that list each other would never end
constexpr size_t kMaxNodes = 10'000;

class Builder {
 public:
  Builder(Repository& repository, const std::vector<Override>& overrides, bool skip_missing)
      : repository_(repository), overrides_(repository, overrides), skip_missing_(skip_missing) {}

  DefaultsResult build(const std::optional<std::string>& primary) {
    auto root = std::make_shared<DefaultsNode>();
    root->entry.path = primary.value_or("");
    root->entry.primary = true;
    if (primary && !repository_.config_exists(*primary)) fail_not_found(repository_, *root);
    expand(*root, {}, 0);
    while (resolve_one(*root)) {
    }
    check_resolved(*root);
    DefaultsResult result;
    flatten(*root, result.list);
    check_unique(result.list);
    overrides_.check_all_used();
    result.tree = std::move(root);
    result.choices = overrides_.known_choices;
    result.value_overrides = std::move(overrides_.value_overrides);
    return result;
  }

 private:
  struct Way {
    bool interpolated = false;                        // below an interpolated choice
    std::shared_ptr<std::set<std::string>> eligible;  // overrides that may still apply; null: all
  };

  void expand(DefaultsNode& node, const Way& way, int depth) {
    DefaultsEntry& entry = node.entry;
    const bool empty_primary = entry.primary && entry.path.empty();
    if (depth > kMaxDepth || ++nodes_ > kMaxNodes)
      fail("In '{}': the defaults lists include each other without end{}",
           node.parent ? node.parent->entry.config_path() : "", place_of(entry));
    const bool has_option = entry.option().has_value();
    std::shared_ptr<const ConfigFile> file;
    if (empty_primary)
      file = std::make_shared<ConfigFile>();
    else if (has_option && !entry.is_missing())
      file = repository_.load(entry.config_path());
    if (file) entry.set_header(file->header);
    if (!empty_primary && overrides_.take_deletion(entry)) {
      entry.deleted = true;
      return;
    }
    overrides_.set_known_choice(entry);
    if (!has_option || is_missing(node)) return;
    if (!file) {
      if (!entry.optional) fail_not_found(repository_, node);
      entry.deleted = true;
      return;
    }
    auto list = complete(entry, *file);
    place(list, entry);
    check_overrides_last(list, entry, way);
    add_children(node, list, way, depth);
  }

  /// `???` chosen: an error unless a sweep may still choose.
  bool is_missing(const DefaultsNode& node) const {
    const DefaultsEntry& entry = node.entry;
    const auto path = entry.config_path();
    if (path.size() < 3 || path.compare(path.size() - 3, 3, "???") != 0) return false;
    if (skip_missing_) return true;
    if (!entry.is_group) fail("Missing ConfigDefault is not supported : {}", path);
    fail("{3}You must specify '{0}', e.g, {0}=<OPTION>\nAvailable options:\n\t{1}{2}",
         entry.override_key(), fmt::join(repository_.options(entry.group_path()), "\n\t"),
         place_of(entry), node.parent ? "In '" + node.parent->entry.config_path() + "': " : "");
  }

  /// The list with `_self_` where it belongs and, for the primary config, what `+group=x` appends.
  std::vector<DefaultsEntry> complete(const DefaultsEntry& entry, const ConfigFile& file) const {
    auto list = file.defaults;
    const bool appends = entry.primary && !overrides_.appended.empty();
    if (!list.empty() || appends) {
      const auto is_self = [](const DefaultsEntry& e) { return e.is_self(); };
      const auto selves = std::count_if(list.begin(), list.end(), is_self);
      if (selves > 1)
        fail("Duplicate _self_ defined in {}; keep one{}", entry.config_path(),
             place_of(list.front()));
      const bool only_overrides =
          std::all_of(list.begin(), list.end(), [](const auto& e) { return e.is_override; });
      if (selves == 0 && (!only_overrides || list.empty())) {
        DefaultsEntry self;
        self.path = "_self_";
        list.push_back(std::move(self));
      }
    }
    if (appends) list.insert(list.end(), overrides_.appended.begin(), overrides_.appended.end());
    return list;
  }

  void place(std::vector<DefaultsEntry>& list, const DefaultsEntry& parent) const {
    for (auto& entry : list) {
      check_entry_paths(entry, parent.config_path());
      entry.base_group = parent.group_path();
      entry.base_package = parent.final_package();
    }
  }

  static void check_overrides_last(const std::vector<DefaultsEntry>& list,
                                   const DefaultsEntry& parent, const Way& way) {
    const DefaultsEntry* last = nullptr;
    for (const auto& entry : list) {
      if (entry.is_self()) continue;
      if (last && !entry.is_override && !entry.appended)
        fail(
            "In {}: Override '{} : {}' is defined before '{}'.\nOverrides must be at the end of "
            "the defaults list{}",
            parent.config_path(), last->override_key(), last->name.value_or("null"), entry.text(),
            place_of(*last));
      if (!entry.is_override) continue;
      last = &entry;
      if (way.interpolated)
        fail(
            "{}: Default List Overrides are not allowed in the subtree\nof an in interpolated "
            "config group (override {}={}).{}",
            parent.config_path(), entry.override_key(), entry.name.value_or("null"),
            place_of(entry));
    }
  }

  /// From the last entry to the first: an override reaches the entries before it.
  void add_children(DefaultsNode& node, std::vector<DefaultsEntry>& list, const Way& way,
                    int depth) {
    const auto path = node.entry.config_path();
    for (auto it = list.rbegin(); it != list.rend(); ++it) {
      DefaultsEntry& entry = *it;
      if (entry.is_override) {
        overrides_.add(path, entry);
        continue;
      }
      if (entry.is_self()) {
        add(node, entry);
        continue;
      }
      overrides_.apply(entry, way.eligible.get());
      check_entry_paths(entry, path);
      if (entry.options) {
        add_options(node, entry, way, depth);
      } else if (entry.is_interpolation()) {
        const auto& child = add(node, entry);
        deferred_[&child] = way.eligible ? *way.eligible : overrides_.keys();
      } else {
        expand(add(node, entry), way, depth + 1);
      }
    }
    std::reverse(node.children.begin(), node.children.end());
  }

  void add_options(DefaultsNode& node, const DefaultsEntry& group, const Way& way, int depth) {
    for (auto it = group.options->rbegin(); it != group.options->rend(); ++it) {
      if (it->find("${") != std::string::npos)
        fail("In '{}': Defaults List interpolation is not supported in options list items{}",
             node.entry.config_path(), place_of(group));
      DefaultsEntry entry;
      entry.path = (group.appended ? group.group_path() : group.path) + "/" + *it;
      entry.package = group.package;
      entry.optional = group.optional;
      entry.origin = group.origin;
      entry.base_group = group.appended ? "" : group.base_group;
      entry.base_package = group.appended ? "" : group.base_package;
      expand(add(node, entry), way, depth + 1);
    }
  }

  static DefaultsNode& add(DefaultsNode& parent, const DefaultsEntry& entry) {
    auto child = std::make_unique<DefaultsNode>();
    child->entry = entry;
    child->parent = &parent;
    parent.children.push_back(std::move(child));
    return *parent.children.back();
  }

  /// Interpolated choices wait until the rest of the tree is known; one may need another.
  bool resolve_one(DefaultsNode& node) {
    for (auto& child : node.children) {
      const auto waiting = deferred_.find(child.get());
      if (waiting == deferred_.end()) {
        if (resolve_one(*child)) return true;
        continue;
      }
      DefaultsEntry resolved = child->entry;
      if (!substitute(resolved)) continue;
      Way way{true, std::make_shared<std::set<std::string>>(waiting->second)};
      deferred_.erase(waiting);
      check_entry_paths(resolved, node.entry.config_path());
      child->entry = std::move(resolved);
      int depth = 0;
      for (const DefaultsNode* up = child->parent; up; up = up->parent) ++depth;
      expand(*child, way, depth);
      return true;
    }
    return false;
  }

  /// ${group} -> its choice. False if a choice is not known (yet).
  bool substitute(DefaultsEntry& entry) const {
    const std::string text = entry.is_group ? *entry.name : entry.path;
    std::string out;
    for (size_t at = 0; at < text.size();) {
      const auto open = text.find("${", at);
      const auto close = text.find('}', open == std::string::npos ? at : open);
      if (open == std::string::npos || close == std::string::npos) {
        out += text.substr(at);
        break;
      }
      auto key = text.substr(open + 2, close - open - 2);
      key.erase(0, key.find_first_not_of(' '));
      key.erase(key.find_last_not_of(' ') + 1);
      const auto choice = overrides_.known_choices.find(key);
      if (choice == overrides_.known_choices.end() || !choice->second) return false;
      out += text.substr(at, open - at) + *choice->second;
      at = close + 1;
    }
    if (out.find("${") != std::string::npos) return false;
    (entry.is_group ? *entry.name : entry.path) = out;
    return true;
  }

  void check_resolved(const DefaultsNode& node) const {
    for (const auto& child : node.children) {
      check_resolved(*child);
      if (!deferred_.count(child.get())) continue;
      const auto& entry = child->entry;
      const std::string text = entry.is_group ? *entry.name : entry.path;
      if (entry.is_group && text.find("${defaults.") != std::string::npos)
        fail(
            "Defaults list element '{}={}' is using a deprecated interpolation form.\nSee "
            "http://hydra.cc/docs/1.1/upgrades/1.0_to_1.1/defaults_list_interpolation for "
            "migration information.",
            entry.override_key(), text);
      std::vector<std::string> keys;
      for (const auto& [key, choice] : overrides_.known_choices) keys.push_back(key);
      fail("Error resolving interpolation '{}', possible interpolation keys: {}{}", text,
           fmt::join(keys, ", "), place_of(entry));
    }
  }

  void flatten(const DefaultsNode& node, std::vector<FinalDefault>& list) const {
    const auto& entry = node.entry;
    if (!node.children.empty()) {
      for (const auto& child : node.children) flatten(*child, list);
      return;
    }
    if (entry.deleted || entry.is_missing() || !entry.option()) return;
    FinalDefault result;
    const DefaultsEntry& source = entry.is_self() ? node.parent->entry : entry;
    if (source.primary && source.path.empty()) return;
    source.check_header();
    const DefaultsNode* above = entry.is_self() ? node.parent->parent : node.parent;
    result.config_path = source.config_path();
    result.package = source.final_package();
    result.parent = above ? above->entry.config_path() : "";
    result.is_self = entry.is_self();
    result.primary = source.primary;
    if (entry.is_group) result.override_key = entry.override_key();
    list.push_back(std::move(result));
  }

  Repository& repository_;
  DefaultsOverrides overrides_;
  const bool skip_missing_;
  std::map<const DefaultsNode*, std::set<std::string>> deferred_;
  size_t nodes_ = 0;
};

}  // namespace

DefaultsResult create_defaults_list(Repository& repository,
                                    const std::optional<std::string>& primary,
                                    const std::vector<Override>& overrides, bool skip_missing) {
  return Builder(repository, overrides, skip_missing).build(primary);
}

}  // namespace bench
