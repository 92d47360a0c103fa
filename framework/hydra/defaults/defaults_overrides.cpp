#include "hydra/defaults/defaults_overrides.h"

#include <fmt/ranges.h>

#include "base/near.h"
#include "hydra/defaults/defaults_errors.h"

namespace bench {
namespace {

std::vector<std::string> option_list(const Override& o, const Value& value) {
  std::vector<std::string> options;
  for (const auto& item : value.list()) {
    if (!item.is_string()) fail("Config group override must be a list of strings: '{}'", o.input);
    options.push_back(item.string());
  }
  return options;
}

std::string key_of(const Override& o) {
  return o.key + (o.package ? "@" + *o.package : "");
}

}  // namespace

bool edits_defaults(const Override& o, const Repository& repository) {
  if (o.is_sweep() || (o.value && o.value->kind == Element::Kind::Map)) return false;
  const bool group = repository.group_exists(o.key);
  if (o.type == Override::Type::Delete) return group || repository.config_exists(o.key);
  return group && o.type != Override::Type::ExtendList;
}

DefaultsOverrides::DefaultsOverrides(const Repository& repository,
                                     const std::vector<Override>& overrides) {
  for (const auto& o : overrides) {
    if (o.is_sweep()) continue;
    if (o.package) check_package(*o.package, "'" + o.input + "'");
    if (edits_defaults(o, repository))
      add_command_line(o, repository);
    else
      value_overrides.push_back(o);
  }
}

void DefaultsOverrides::add_command_line(const Override& o, const Repository& repository) {
  const auto value = o.plain_value();
  const auto key = key_of(o);
  if (o.type == Override::Type::Delete) {
    const bool group = repository.group_exists(o.key);
    const bool has_value = o.value && !value.is_null();
    if (has_value && !group) fail("Config path deletion does not support a value : '{}'", o.input);
    if (has_value && !value.is_string())
      fail("Config group override deletion value must be a string : '{}'", o.input);
    std::erase_if(deletions_, [&](const auto& old) { return old.first == key; });
    deletions_.push_back({key, {has_value ? std::optional(value.string()) : std::nullopt}});
    return;
  }
  if (o.type == Override::Type::ForceAdd)
    fail("force-add of config groups is not supported: '{}'; use + to append, nothing to change",
         o.input);
  if (!value.is_string() && !value.is_list())
    fail("Config group override must be a string or a list. Got {} in '{}'; ~{} removes a group",
         type_name(value), o.input, o.key);
  if (o.type == Override::Type::Add) {
    DefaultsEntry entry;
    entry.is_group = true;
    entry.appended = true;
    entry.path = o.key;
    entry.package = o.package == "_here_" ? std::optional<std::string>("") : o.package;
    if (value.is_list())
      entry.options = option_list(o, value);
    else
      entry.name = value.string();
    entry.origin.file = "command line";
    appended.push_back(std::move(entry));
    return;
  }
  Choice choice;
  if (value.is_list())
    choice.options = option_list(o, value);
  else
    choice.name = value.string();
  choice.text = value.is_string() ? value.string() : element_text(*o.value);
  if (!choices_.count(key)) order_.push_back(key);
  choices_[key] = std::move(choice);
}

void DefaultsOverrides::add(const std::string& containing, const DefaultsEntry& entry) {
  const auto key = entry.override_key();
  if (choices_.count(key)) return;
  Choice choice{entry.name,
                entry.options,
                entry.name.value_or("null"),
                containing,
                entry.relative_override_key(),
                place_of(entry),
                false};
  order_.push_back(key);
  choices_.emplace(key, std::move(choice));
}

void DefaultsOverrides::apply(DefaultsEntry& entry, const std::set<std::string>* eligible) {
  if (!entry.is_group) return;
  const auto key = entry.override_key();
  const auto it = choices_.find(key);
  if (it == choices_.end() || (eligible && !eligible->count(key))) return;
  entry.name = it->second.name;
  entry.options = it->second.options;
  if (it->second.containing.empty()) entry.origin = {"command line", 0};
  it->second.used = true;
}

std::set<std::string> DefaultsOverrides::keys() const {
  return {order_.begin(), order_.end()};
}

void DefaultsOverrides::set_known_choice(const DefaultsEntry& entry) {
  if (!entry.is_group) return;
  const auto key = entry.override_key();
  const auto [it, is_new] = known_choices.emplace(key, entry.name);
  if (!is_new && it->second != entry.name)
    fail(
        "Multiple values for {}. To override a value use 'override {}: {}'\n  '{}' and '{}' are "
        "both chosen{}",
        key, key, it->second.value_or("null"), entry.name.value_or("null"),
        it->second.value_or("null"), place_of(entry));
  keys_of_group_[entry.group_path()].insert(key);
}

bool DefaultsOverrides::take_deletion(const DefaultsEntry& entry) {
  const auto key = entry.is_group ? entry.override_key() : entry.config_path();
  for (auto it = deletions_.rbegin(); it != deletions_.rend(); ++it) {
    auto& [wanted, deletion] = *it;
    if (wanted != key) continue;
    if (deletion.name && (!entry.is_group || deletion.name != entry.name)) return false;
    deletion.used = true;
    return true;
  }
  return false;
}

void DefaultsOverrides::check_all_used() const {
  for (const auto& key : order_) {
    const auto& choice = choices_.at(key);
    if (choice.used) continue;
    if (!choice.containing.empty())
      fail(
          "In '{}': Invalid Defaults List override '{}: {}'.\nNo earlier Group Default for '{}' "
          "exists to override. An override stands behind what it changes.{}",
          choice.containing, choice.relative_key, choice.text, key, choice.place);
    const auto group = key.substr(0, key.find('@'));
    const auto it = keys_of_group_.find(group);
    std::string text = "Could not override '" + key + "'.";
    if (it == keys_of_group_.end())
      text += " No match in the defaults list.";
    else
      text += fmt::format("\nDid you mean to override {}{}?",
                          it->second.size() > 1 ? "one of " : "", fmt::join(it->second, ", "));
    fail("{}\nTo append to your default list use +{}={}", text, key, choice.text);
  }
  for (const auto& [key, deletion] : deletions_) {
    if (deletion.used) continue;
    std::vector<std::string> known;
    for (const auto& [name, choice] : known_choices) known.push_back(name);
    fail("Could not delete '{}{}'. No match in the defaults list{}", key,
         deletion.name ? "=" + *deletion.name : "", suggestion(key, known));
  }
}

}  // namespace bench
