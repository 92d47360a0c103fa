// Overrides of values (hydra _internal/config_loader_impl.py, _apply_overrides_to_config).
#include <algorithm>

#include "base/error.h"
#include "base/near.h"
#include "hydra/compose/composer.h"
#include "hydra/compose/merge.h"
#include "hydra/yaml/scalar.h"

namespace bench {
namespace {

bool is_container(const Value& v) {
  return v.is_map() || v.is_list();
}
bool is_missing(const Value& v) {
  return v.is_string() && v.string() == "???";
}

std::optional<double> number(const Value& v) {
  if (v.is_bool()) return std::get<bool>(v.data) ? 1.0 : 0.0;
  if (v.is_int()) return static_cast<double>(std::get<int64_t>(v.data));
  return v.is_float() ? std::optional(std::get<double>(v.data)) : std::nullopt;
}

/// Python's ==, for `~key=value`: 1, 1.0 and true are equal.
bool equal(const Value& a, const Value& b) {
  if (number(a) && number(b)) return *number(a) == *number(b);
  if (a.is_list() && b.is_list())
    return std::equal(a.list().begin(), a.list().end(), b.list().begin(), b.list().end(), equal);
  if (a.is_map() && b.is_map()) {
    if (a.map().size() != b.map().size()) return false;
    return std::all_of(a.map().begin(), a.map().end(), [&](const Value::Entry& entry) {
      const Value* other = b.find(entry.key);
      return other && equal(entry.value, *other);
    });
  }
  return a == b;
}

/// Where the value stands now, for messages and trap T2; nothing if there is none.
std::optional<Value> current(const Value& config, const std::string& key,
                             const ResolveContext& context) {
  try {
    const auto found = select(config, key, context);
    if (found.state == Selected::State::Absent) return std::nullopt;
    return found.state == Selected::State::Missing ? Value("???") : found.value;
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::string near_keys(const Value& config, const std::string& key) {
  const auto dot = key.rfind('.');
  const Value* map = &config;
  std::optional<Value> parent;
  if (dot != std::string::npos) {
    parent = current(config, key.substr(0, dot), {});
    map = parent ? &*parent : nullptr;
  }
  if (!map || !map->is_map()) return "";
  std::vector<std::string> known;
  for (const auto& entry : map->map()) known.push_back(entry.key);
  const auto prefix = dot == std::string::npos ? "" : key.substr(0, dot + 1);
  std::string text;
  for (const auto& name : nearest(key.substr(prefix.size()), known))
    text += (text.empty() ? "\nDid you mean " : ", ") + prefix + name;
  return text.empty() ? "" : text + "?";
}

void change(Value& config, const Override& o, const Value& value, const ResolveContext& context) {
  try {
    update(config, o.key, value, {true, false, true}, context);
  } catch (const UnknownKey&) {
    fail("Could not override '{}'.\nTo append to your config use +{}{}", o.key, o.input,
         near_keys(config, o.key));
  }
}

void add(Value& config, const Override& o, const Value& value, const ResolveContext& context) {
  if (!is_container(value)) {
    const auto slot = locate(config, o.key, context);
    const auto old = slot.value ? select(config, o.key, context) : Selected();
    if (old.state == Selected::State::Found && !old.value.is_null())
      fail(
          "Could not append to config. An item is already at '{}'.\nEither remove + prefix: "
          "'{}'\nOr add a second + to add or override '{}': '+{}'",
          o.key, o.input.substr(1), o.key, o.input);
  }
  update(config, o.key, value, {true, true, true}, context);
}

void remove(Value& config, const Override& o, const ResolveContext& context) {
  Slot slot;
  try {
    slot = locate(config, o.key, context);
  } catch (const Error&) {  // such as a name where a list is: nothing is there
  }
  if (!slot.value)
    fail("Could not delete from config. '{}' does not exist.{}", o.key, near_keys(config, o.key));
  if (o.value) {
    const auto wanted = o.plain_value();
    Value old = *slot.value;
    if (old.is_string() && has_interpolation(old.string()))
      if (const auto resolved = current(config, o.key, context)) old = *resolved;
    if (!equal(old, wanted))
      fail("Could not delete from config. The value of '{}' is {} and not {}.", o.key,
           python_str(old), python_str(wanted));
  }
  if (slot.container->is_map()) {
    slot.container->erase(slot.key);
  } else {
    auto& list = slot.container->list();
    list.erase(list.begin() + (slot.value - list.data()));
  }
}

void extend(Value& config, const Override& o, const Value& value, const ResolveContext& context) {
  const auto slot = locate(config, o.key, context);
  if (!slot.value)
    fail("Could not append to config list. The existing value of '{}' is None and not a list.{}",
         o.key, near_keys(config, o.key));
  if (!slot.value->is_list())
    fail("Could not append to config list. The existing value of '{}' is {} which is not a list.",
         o.key, python_str(*slot.value));
  for (const auto& item : value.list()) slot.value->list().push_back(item);
}

/// Trap T2: `srv=a`, meant as `server@srv=a`, would replace a whole node by a text.
void check_scalar_over_map(const Value& config, const Override& o, const Value& value,
                           const ResolveContext& context) {
  const bool interpolation = value.is_string() && has_interpolation(value.string());
  if (is_container(value) || value.is_null() || is_missing(value) || interpolation) return;
  Slot slot;
  try {
    slot = locate(config, o.key, context);
  } catch (const Error&) {
    return;  // the change itself will say what is wrong
  }
  if (!slot.value || !slot.value->is_map()) return;
  const auto& origin = slot.value->origin;
  throw Trap(2, fmt::format(
                    "'{}' would replace the mapping '{}'{} by {}. If a config group is meant, name "
                    "it with its "
                    "package: GROUP@{}={}; to drop the mapping first, write ++{}={{}} or ++{}=null",
                    o.input, o.key,
                    origin.file.empty() ? "" : fmt::format(" ({}:{})", origin.file, origin.line),
                    to_json(value), o.key, element_text(*o.value), o.key, o.key));
}

/// Values of the command line know where they come from.
void set_origin(Value& value) {
  value.origin = {"command line", 0};
  if (value.is_list())
    for (auto& item : value.list()) set_origin(item);
  if (value.is_map())
    for (auto& entry : value.map()) set_origin(entry.value);
}

void check_interpolations(const Value& value) {
  if (value.is_string()) check_interpolation_syntax(value.string());
  if (value.is_list())
    for (const auto& item : value.list()) check_interpolations(item);
  if (value.is_map())
    for (const auto& entry : value.map()) check_interpolations(entry.value);
}

}  // namespace

bool is_setting(const Override& o) {
  return o.key.rfind("hydra.", 0) == 0 || o.key.rfind("hydra/", 0) == 0;
}

void check_sweeps_allowed(const std::vector<Override>& overrides, bool multirun) {
  for (const auto& o : overrides) {
    if (!o.is_sweep()) continue;
    if (multirun) {
      if (is_setting(o))
        fail("Sweeping over Hydra's configuration is not supported : '{}'", o.input);
      continue;
    }
    if (o.sweep().kind == Sweep::Kind::SimpleChoice) {
      const auto key = o.key_text(), values = o.input.substr(o.input.find('=') + 1);
      fail(
          "Ambiguous value for argument '{}'\n1. To use it as a list, use key=[value1,value2], "
          "here {}=[{}]\n"
          "2. To use it as string, quote the value: key=\\'value1,value2\\', here {}=\\'{}\\'\n"
          "3. To sweep over it, add --multirun to your command line",
          o.input, key, values, key, values);
    }
    fail("Sweep parameters '{}' requires --multirun (-m)", o.input);
  }
}

void apply_overrides(Value& config, const std::vector<const Override*>& overrides,
                     const ResolveContext& context) {
  using Type = Override::Type;
  for (const Override* o : overrides) {
    auto value = o->plain_value();
    set_origin(value);
    try {
      check_interpolations(value);
      if (o->type == Type::Change || o->type == Type::ForceAdd)
        check_scalar_over_map(config, *o, value, context);
      switch (o->type) {
        case Type::Change:
          change(config, *o, value, context);
          break;
        case Type::Add:
          add(config, *o, value, context);
          break;
        case Type::ForceAdd:
          update(config, o->key, value, {true, true, true}, context);
          break;
        case Type::Delete:
          remove(config, *o, context);
          break;
        case Type::ExtendList:
          extend(config, *o, value, context);
          break;
      }
    } catch (const Trap&) {
      throw;
    } catch (const Error& e) {
      if (std::string(e.what()).rfind("Could not ", 0) == 0) throw;
      fail("Error merging override {}\n{}", o->input, e.what());
    }
  }
}

}  // namespace bench
