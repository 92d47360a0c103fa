#include "hydra/interpolation/resolver.h"

#include <algorithm>

#include "base/error.h"
#include "base/near.h"
#include "hydra/yaml/scalar.h"

namespace bench {
namespace {

constexpr size_t kMaxSteps = 400'000;  // of evaluation, over a whole configuration
constexpr size_t kMaxText = size_t{1} << 20;
constexpr size_t kMaxActive = 200;

bool is_container(const Value& v) {
  return v.is_map() || v.is_list();
}

bool is_text_interpolation(const Place& place) {
  return !place.final && place.node->is_string() && has_interpolation(place.node->string());
}

/// Is there an interpolation in it? Counts the values it saw.
bool holds_interpolation(const Value& v, size_t& seen) {
  ++seen;
  if (v.is_string()) return has_interpolation(v.string());
  if (v.is_list())
    return std::any_of(v.list().begin(), v.list().end(),
                       [&](const Value& item) { return holds_interpolation(item, seen); });
  return v.is_map() && std::any_of(v.map().begin(), v.map().end(), [&](const Value::Entry& entry) {
           return holds_interpolation(entry.value, seen);
         });
}

std::string full_key(const Place& place) {
  std::string key;
  for (const auto& name : place.names) key += (key.empty() ? "" : ".") + name;
  return key;
}

std::string known_keys(const Value& container, const std::string& wrong) {
  std::vector<std::string> keys;
  if (container.is_map())
    for (const auto& entry : container.map()) keys.push_back(entry.key);
  return suggestion(wrong, keys);
}

}  // namespace

Place Place::child(const Value* value, std::string name) const {
  Place place{value, parents, names, final};
  place.parents.push_back(node);
  place.names.push_back(std::move(name));
  return place;
}

std::optional<size_t> list_index(const std::string& key, size_t size) {
  const auto index = python_int(key);
  if (!index) fail("Index '{}' is not an int", key);
  const auto count = static_cast<int64_t>(size);
  const int64_t at = *index < 0 ? *index + count : *index;  // -1 is the last one
  return at < 0 || at >= count ? std::nullopt : std::optional(static_cast<size_t>(at));
}

void put_like_python(Value::Map& map, Value::Entry entry) {
  using Kind = Value::Entry::Kind;
  const auto number = [](const Value::Entry& e) -> std::optional<double> {
    if (e.kind == Kind::Text || e.kind == Kind::Null) return std::nullopt;
    const Value key = key_value(e);
    if (key.is_bool()) return std::get<bool>(key.data) ? 1.0 : 0.0;
    return key.is_int() ? static_cast<double>(std::get<int64_t>(key.data))
                        : std::get<double>(key.data);
  };
  for (auto& old : map)
    if ((old.kind == entry.kind && old.key == entry.key) ||
        (number(old) && number(old) == number(entry))) {
      old.value = std::move(entry.value);
      return;
    }
  map.push_back(std::move(entry));
}

struct Resolver::Active {
  Active(Resolver& resolver, const Value* node) : active(resolver.active_) {
    if (std::find(active.begin(), active.end(), node) != active.end())
      fail("Recursive interpolation detected; give one of the keys a value");
    if (active.size() > kMaxActive) fail("interpolations refer to each other too deeply");
    active.push_back(node);
  }
  ~Active() { active.pop_back(); }
  std::vector<const Value*>& active;
};

void Resolver::spend(size_t steps) {
  spent_ += steps;
  if (spent_ > kMaxSteps) fail("interpolations expand to more than {} values", kMaxSteps);
}

Place Resolver::made(Value value, const Place& at) {
  made_.push_back(std::move(value));
  Place place{&made_.back(), at.parents, at.names, true};
  // The texts inside a container made by a resolver are nodes of their own (oc.create).
  place.final = !is_container(made_.back());
  return place;
}

Place Resolver::follow(const Place& place) {
  if (!is_text_interpolation(place)) return place;
  spend(1);
  const bool outermost = active_.empty();
  try {
    const Active active(*this, place.node);
    const auto expression = parsed(place.node->string());
    return evaluate(*expression, place);
  } catch (const Error& e) {
    if (!outermost) fail("{}", e.what());  // no NoPath of the path that leads here
    fail("{}{}: {}\n  in '{}'", where(*place.node), full_key(place), e.what(),
         place.node->string().substr(0, 200));
  }
}

Value Resolver::copy(const Place& place) {
  spend(1);
  if (is_text_interpolation(place)) {
    const Place target = follow(place);
    Value value;
    if (is_container(*target.node)) {
      const Active active(*this, place.node);
      value = copy(target);
    } else {
      value = *target.node;
    }
    value.origin = place.node->origin;
    return value;
  }
  const Value& node = *place.node;
  if (!is_container(node)) return node;
  size_t seen = 0;
  const bool plain = !holds_interpolation(node, seen);
  spend(seen);
  if (plain) return node;  // most of a configuration: no walk, one copy
  Value out;
  out.origin = node.origin;
  Place below = place.child(nullptr, "");
  const auto copied = [&](const Value& value, auto name) {
    if (!is_container(value) && !value.is_string()) return value;
    below.node = &value;
    below.names.back() = name();
    return copy(below);
  };
  if (node.is_list()) {
    auto& list = out.data.emplace<Value::List>();
    list.reserve(node.list().size());
    for (const auto& item : node.list())
      list.push_back(copied(item, [&] { return std::to_string(list.size()); }));
    return out;
  }
  auto& map = out.data.emplace<Value::Map>();
  map.reserve(node.map().size());
  for (const auto& entry : node.map())
    map.push_back({entry.key, copied(entry.value, [&] { return entry.key; }), entry.kind});
  return out;
}

Place Resolver::one(const Place& container, const std::string& key, OnMissing on_missing) {
  const Value* value = nullptr;
  if (container.node->is_map()) {
    value = container.node->find(key);
  } else {
    if (const auto index = list_index(key, container.node->list().size()))
      value = &container.node->list()[*index];
  }
  if (!value) return {};
  Place place = container.child(value, key);
  if (value->is_string() && value->string() == "???" && on_missing == OnMissing::Throw)
    fail("Missing mandatory value: {}; give it a value", full_key(place));
  return place;
}

Place Resolver::find(const Place& from, const std::string& key, OnMissing on_missing) {
  if (key.empty()) return from;
  const auto keys = split_key(key);
  if (keys.empty()) fail("'{}' is no key path", key);
  spend(keys.size());
  Place at = from;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (!is_container(*at.node)) {
      std::string path;
      for (size_t k = 0; k < i; ++k) path += (k ? "." : "") + keys[k];
      throw NoPath(fmt::format(
          "Error trying to access {}: node `{}` is not a container and thus cannot contain `{}`",
          key, path, keys[i]));
    }
    at = one(at, keys[i], on_missing);
    if (!at.node) return {};
    at = follow(at);
  }
  return at;
}

Place Resolver::relative(const Place& at, const std::string& key, OnMissing on_missing) {
  if (key.empty() || key[0] != '.') return find(root(), key, on_missing);
  size_t up = at.parents.size();  // parents[up - 1] is the container of the node
  size_t i = 1;
  for (; i < key.size() && key[i] == '.' && up > 0; ++i) --up;
  if (up == 0) throw NoPath(fmt::format("Error resolving key '{}': it leads above the root", key));
  Place from;
  from.node = at.parents[up - 1];
  from.parents.assign(at.parents.begin(), at.parents.begin() + static_cast<ptrdiff_t>(up) - 1);
  from.names.assign(at.names.begin(), at.names.begin() + static_cast<ptrdiff_t>(up) - 1);
  return find(from, key.substr(i), on_missing);
}

std::string Resolver::text_of(const Expression& e, const Place& at) {
  if (e.kind == Expression::Kind::Literal) return python_str(e.value);
  return python_str(*evaluate(e, at).node);
}

std::string Resolver::name_of(const Expression& e, const Place& at, size_t count,
                              const char* what) {
  std::string name = e.text;
  for (size_t i = 0; i < count; ++i) {
    const auto& part = e.parts[i];
    if (part.kind == Expression::Kind::Literal) {
      name += part.value.string();
      continue;
    }
    const Place value = evaluate(part, at);
    if (!value.node->is_string())
      fail("{}, but it gave {} of type {}", what, python_str(*value.node).substr(0, 100),
           type_name(*value.node));
    name += value.node->string();
  }
  return name;
}

Place Resolver::key_reference(const Expression& e, const Place& at) {
  const auto key = name_of(e, at, e.parts.size(),
                           "The following interpolation is used to denote a config key and thus "
                           "should return a string");
  const Place target = relative(at, key, OnMissing::Throw);
  if (!target.node) {
    const auto dot = key.rfind('.');
    const Value* container = &root_;
    if (key[0] == '.') container = at.parents.empty() ? &root_ : at.parents.back();
    if (dot != std::string::npos && dot > 0 && key[0] != '.') {
      const Place holder = find(root(), key.substr(0, dot), OnMissing::Return);
      if (holder.node) container = holder.node;
    }
    fail("Interpolation key '{}' not found{}", key,
         known_keys(*container, dot == std::string::npos ? key : key.substr(dot + 1)));
  }
  if (std::find(at.parents.begin(), at.parents.end(), target.node) != at.parents.end())
    fail("Interpolation to parent node detected: '{}' holds this value itself", key);
  return target;
}

Place Resolver::evaluate(const Expression& e, const Place& at) {
  using Kind = Expression::Kind;
  spend(1);
  switch (e.kind) {
    case Kind::Literal:
      return made(e.value, at);
    case Kind::Key:
      return key_reference(e, at);
    case Kind::Call:
      return call(e, at);
    case Kind::Join: {
      std::string text;
      for (const auto& part : e.parts) {
        text += text_of(part, at);
        if (text.size() > kMaxText) fail("the text grows beyond {} bytes", kMaxText);
      }
      return made(Value(std::move(text)), at);
    }
    case Kind::List: {
      Value::List list;
      for (const auto& part : e.parts) list.push_back(copy(evaluate(part, at)));
      return made(Value(std::move(list)), at);
    }
    case Kind::Dict: {
      Value map{Value::Map{}};
      for (size_t i = 0; i < e.parts.size(); i += 2) {
        auto entry = make_entry(e.parts[i].value, copy(evaluate(e.parts[i + 1], at)));
        put_like_python(map.map(), std::move(entry));
      }
      return made(std::move(map), at);
    }
  }
  return {};
}

}  // namespace bench
