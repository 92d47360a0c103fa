#include "hydra/compose/merge.h"

#include <algorithm>

#include "base/near.h"
#include "hydra/interpolation/resolver.h"

namespace bench {
namespace {

bool is_container(const Value& v) {
  return v.is_map() || v.is_list();
}
bool is_missing(const Value& v) {
  return v.is_string() && v.string() == "???";
}
bool is_interpolation(const Value& v) {
  return v.is_string() && has_interpolation(v.string());
}

[[noreturn]] void unknown_key(const Value& map, const std::string& key, const Value& value) {
  std::vector<std::string> known;
  for (const auto& entry : map.map()) known.push_back(entry.key);
  throw UnknownKey(
      fmt::format("{}Key '{}' is not in struct{}", where(value), key, suggestion(key, known)));
}

Value* find_entry(Value& map, const Value::Entry& wanted) {
  for (auto& entry : map.map())
    if (entry.key == wanted.key && entry.kind == wanted.kind) return &entry.value;
  return nullptr;
}

/// OmegaConf basecontainer.py, _map_merge and _list_merge, for plain containers.
class Merger {
 public:
  Merger(Value& root, const MergeOptions& options) : root_(root), options_(options) {}

  /// `place` leads to `target`; it is kept for the interpolations in it.
  void merge(Value& target, const Value& source, const Place& place) {
    if (target.is_map() != source.is_map())
      fail(
          "{}Cannot merge incompatible container types: a {} into a {}{}; write a {} here, too",
          where(source), type_name(source), type_name(target),
          target.origin.line ? fmt::format(" ({}:{})", target.origin.file, target.origin.line) : "",
          type_name(target));
    if (source.is_list()) {
      change(source);
      target = source;
      return;
    }
    for (const auto& entry : source.map()) merge_entry(target, entry, place);
  }

 private:
  void change(const Value& source) const {
    if (options_.readonly) fail("{}Cannot change read-only config container", where(source));
  }

  void merge_entry(Value& target, const Value::Entry& entry, const Place& place) {
    Value* old = find_entry(target, entry);
    if (!old) {
      if (options_.strict) unknown_key(target, entry.key, entry.value);
      change(entry.value);
      target.map().push_back(entry);
      return;
    }
    const bool missing = is_missing(entry.value);
    if (is_interpolation(*old) && (is_container(entry.value) || missing))
      expand(*old, place.child(old, entry.key));
    if (is_container(*old) && is_container(entry.value)) {
      merge(*old, entry.value, place.child(old, entry.key));
      return;
    }
    if (missing) return;
    change(entry.value);
    *old = entry.value;
  }

  /// An interpolation that stands for a container becomes a copy of it before something is merged
  /// into it; any other, or one that fails, is simply replaced.
  void expand(Value& node, const Place& place) {
    Value copy;
    try {
      Resolver resolver(root_, context_);
      const Place target = resolver.follow(place);
      if (!is_container(*target.node)) return;
      copy = *target.node;
    } catch (const Error&) {
      return;
    }
    node = std::move(copy);
  }

  Value& root_;
  const MergeOptions& options_;
  const ResolveContext context_;
};

/// One step of a path: the child's slot, or null where there is none.
Value* child(Value& container, const std::string& key) {
  if (container.is_map()) return container.find(key);
  const auto index = list_index(key, container.list().size());
  return index ? &container.list()[*index] : nullptr;
}

Value& assign(Value& container, const std::string& key, const Value& value, bool strict) {
  if (Value* old = child(container, key)) return *old = value;
  if (container.is_list()) fail("list index out of range: {} of {}", key, container.list().size());
  if (strict) unknown_key(container, key, value);
  container.set(key, value);
  return container.map().back().value;
}

/// The place of a node inside the root, by walking down the keys that led to it.
Place place_of(const Value& root, const std::vector<std::pair<Value*, std::string>>& way,
               const Value* node) {
  Place place{&root, {}, {}, false};
  for (size_t i = 0; i < way.size(); ++i)
    place = place.child(i + 1 < way.size() ? way[i + 1].first : node, way[i].second);
  return place;
}

}  // namespace

void merge_into(Value& target, const Value& source, const MergeOptions& options) {
  Merger(target, options).merge(target, source, Place{&target, {}, {}, false});
}

namespace {

using Way = std::vector<std::pair<Value*, std::string>>;  // containers and the key taken in each

/// If `next` is an interpolation that stands for a container of this configuration, `way` and `at`
/// move there.
bool follow_container(const Value& root, Way& way, const Value* next, Value*& at,
                      const std::string& path, const ResolveContext& context) {
  if (!next || !is_interpolation(*next)) return false;
  Resolver resolver(root, context);
  const Place target = resolver.follow(place_of(root, way, next));
  if (!is_container(*target.node)) return false;
  if (target.node != &root && (target.parents.empty() || target.parents.front() != &root))
    fail("'{}' leads into a value that a resolver makes; it cannot be changed", path);
  way.clear();
  for (size_t k = 0; k < target.parents.size(); ++k)
    way.emplace_back(const_cast<Value*>(target.parents[k]), target.names[k]);
  at = const_cast<Value*>(target.node);
  return true;
}

std::vector<std::string> keys_of(const std::string& path) {
  auto keys = split_key(path);
  if (keys.empty()) keys.emplace_back();
  return keys;
}

}  // namespace

void update(Value& root, const std::string& path, const Value& value, const UpdateOptions& options,
            const ResolveContext& context) {
  const auto keys = keys_of(path);
  const bool strict = options.strict && !options.force_add;
  Way way;
  Value* at = &root;
  if (root.is_null()) root = Value(Value::Map{});
  for (size_t i = 0; i + 1 < keys.size(); ++i) {
    Value* next = child(*at, keys[i]);
    way.emplace_back(at, keys[i]);
    if (follow_container(root, way, next, at, path, context)) continue;
    // A scalar on the way gives way to a map (OmegaConf.update); strict decides at the last key.
    at = next && is_container(*next) ? next : &assign(*at, keys[i], Value(Value::Map{}), strict);
  }
  if (options.merge && is_container(value)) {
    Value* old = child(*at, keys.back());
    if (old && is_container(*old)) {
      way.emplace_back(at, keys.back());
      const MergeOptions merging{strict, false};
      Merger(root, merging).merge(*old, value, place_of(root, way, old));
      return;
    }
  }
  assign(*at, keys.back(), value, strict);
}

Slot locate(const Value& root, const std::string& path, const ResolveContext& context) {
  const auto keys = keys_of(path);
  Way way;
  Value* at = const_cast<Value*>(&root);
  for (size_t i = 0; i + 1 < keys.size(); ++i) {
    Value* next = child(*at, keys[i]);
    way.emplace_back(at, keys[i]);
    if (follow_container(root, way, next, at, path, context)) continue;
    if (!next || !is_container(*next)) return {};
    at = next;
  }
  return {at, keys.back(), child(*at, keys.back())};
}

}  // namespace bench
