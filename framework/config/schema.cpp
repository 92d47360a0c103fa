#include "config/schema.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/near.h"

namespace bench {
namespace {

Key make(const std::string& name, Key::Type type, std::optional<Value> fallback,
         const std::string& doc) {
  Key k;
  k.name = name;
  k.type = type;
  k.fallback = std::move(fallback);
  k.doc = doc;
  return k;
}

template <class T>
Value list_of(const std::vector<T>& items) {
  Value::List list;
  for (const auto& item : items) list.emplace_back(item);
  return Value(std::move(list));
}

std::optional<Value> scalar(const Value& v, Key::Type type) {
  switch (type) {
    case Key::Type::Bool:
      return v.is_bool() ? std::optional(v) : std::nullopt;
    case Key::Type::Int: {
      if (v.is_int()) return v;
      if (!v.is_float()) return std::nullopt;
      const double d = std::get<double>(v.data);
      if (d != std::floor(d) || std::abs(d) > 9e15) return std::nullopt;
      return Value(static_cast<int64_t>(d));
    }
    case Key::Type::Float:
      if (v.is_float()) return v;
      return v.is_int() ? std::optional(Value(static_cast<double>(std::get<int64_t>(v.data))))
                        : std::nullopt;
    case Key::Type::String:
      if (v.is_string()) return v;
      if (v.is_int() || v.is_float()) return Value(to_json(v));
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

std::optional<Value> convert(const Value& v, Key::Type type) {
  using T = Key::Type;
  if (type == T::Any) return v;
  if (type == T::Map) return v.is_map() ? std::optional(v) : std::nullopt;
  if (type != T::Strings && type != T::Floats && type != T::Ints) return scalar(v, type);
  const T element = type == T::Strings ? T::String : type == T::Floats ? T::Float : T::Int;
  Value::List out;
  for (const auto& item : v.is_list() ? v.list() : Value::List{v}) {
    const auto one = scalar(item, element);
    if (!one) return std::nullopt;
    out.push_back(*one);
  }
  return Value(std::move(out));
}

std::string wrong_value(const Key& key, const Value& v) {
  const auto each = v.is_list() ? v.list() : Value::List{v};
  for (const auto& item : each) {
    if (item.is_string() && !key.choices.empty() &&
        std::find(key.choices.begin(), key.choices.end(), item.string()) == key.choices.end())
      return fmt::format("'{}' is not one of its choices{}", item.string(),
                         suggestion(item.string(), key.choices));
    const double d = item.is_int()     ? static_cast<double>(std::get<int64_t>(item.data))
                     : item.is_float() ? std::get<double>(item.data)
                                       : key.low;
    if (std::isnan(d) || d < key.low || d > key.high)
      return fmt::format("{} is outside [{}, {}]", to_json(item), key.low, key.high);
  }
  return "";
}

}  // namespace

Key& Key::one_of(std::vector<std::string> names) {
  choices = std::move(names);
  return *this;
}
Key& Key::range(double lowest, double highest) {
  low = lowest, high = highest;
  return *this;
}
Key& Key::at_least(double lowest) {
  low = lowest;
  return *this;
}
Key& Key::in(std::string its_unit) {
  unit = std::move(its_unit);
  return *this;
}
Key& Key::names_files() {
  files = true;
  return *this;
}

Key& Key::without_identity() {
  identity = false;
  return *this;
}

Key key(const std::string& name, bool fallback, const std::string& doc) {
  return make(name, Key::Type::Bool, Value(fallback), doc);
}
Key key(const std::string& name, int fallback, const std::string& doc) {
  return make(name, Key::Type::Int, Value(fallback), doc);
}
Key key(const std::string& name, double fallback, const std::string& doc) {
  return make(name, Key::Type::Float, Value(fallback), doc);
}
Key key(const std::string& name, const char* fallback, const std::string& doc) {
  return make(name, Key::Type::String, Value(fallback), doc);
}
Key key(const std::string& name, std::vector<std::string> fallback, const std::string& doc) {
  return make(name, Key::Type::Strings, list_of(fallback), doc);
}
Key key(const std::string& name, std::vector<double> fallback, const std::string& doc) {
  return make(name, Key::Type::Floats, list_of(fallback), doc);
}
Key key(const std::string& name, std::vector<int> fallback, const std::string& doc) {
  return make(name, Key::Type::Ints, list_of(fallback), doc);
}
Key required(const std::string& name, Key::Type type, const std::string& doc) {
  return make(name, type, std::nullopt, doc);
}
Key optional(const std::string& name, Key::Type type, const std::string& doc) {
  return make(name, type, Value(), doc);
}

const char* type_name(Key::Type type) {
  static const char* const kNames[] = {
      "bool",           "int",          "float", "string", "list of strings",
      "list of floats", "list of ints", "map",   "any"};
  return kNames[static_cast<int>(type)];
}

std::vector<std::string> Schema::names() const {
  std::vector<std::string> all;
  for (const auto& k : keys_) all.push_back(k.name);
  return all;
}

Schema Schema::operator+(const Schema& more) const {
  Schema both = *this;
  both.keys_.insert(both.keys_.end(), more.keys_.begin(), more.keys_.end());
  return both;
}

Value Schema::complete(const Value& given, const std::string& path,
                       std::vector<std::string>& mistakes) const {
  const auto dotted = [&](const std::string& name) {
    return path.empty() ? name : path + "." + name;
  };
  Value out{Value::Map{}};
  out.origin = given.origin;
  if (!given.is_map() && !given.is_null()) {
    mistakes.push_back(fmt::format("{}{}: expected a map, found {} {}", where(given), path,
                                   type_name(given), to_json(given)));
    return out;
  }
  if (given.is_map())
    for (const auto& e : given.map())
      if (std::none_of(keys_.begin(), keys_.end(), [&](const Key& k) { return k.name == e.key; }))
        mistakes.push_back(fmt::format("{}{}: unknown key{}", where(e.value), dotted(e.key),
                                       suggestion(e.key, names())));
  for (const auto& k : keys_) {
    const Value* v = given.find(k.name);
    if (!v || (v->is_null() && k.fallback)) {
      if (!k.fallback)
        mistakes.push_back(fmt::format("{}{}: missing; it is {}: {}", where(given), dotted(k.name),
                                       type_name(k.type), k.doc));
      else
        out.set(k.name, *k.fallback);
      continue;
    }
    auto typed = convert(*v, k.type);
    const auto problem = typed ? wrong_value(k, *typed)
                               : fmt::format("expected {}, found {} {}", type_name(k.type),
                                             type_name(*v), to_json(*v));
    if (!problem.empty()) {
      mistakes.push_back(fmt::format("{}{}: {}", where(*v), dotted(k.name), problem));
      continue;
    }
    typed->origin = v->origin;
    out.set(k.name, *typed);
  }
  return out;
}

Value Schema::complete(const Value& given, const std::string& path) const {
  std::vector<std::string> mistakes;
  auto out = complete(given, path, mistakes);
  if (!mistakes.empty()) fail("{}", fmt::join(mistakes, "\n"));
  return out;
}

std::vector<std::string> Schema::files(const Value& completed) const {
  std::vector<std::string> all;
  for (const auto& k : keys_) {
    const Value* v = k.files ? completed.find(k.name) : nullptr;
    if (v && v->is_string()) all.push_back(v->string());
    if (v && v->is_list())
      for (const auto& one : v->list())
        if (one.is_string()) all.push_back(one.string());
  }
  return all;
}

Value Schema::canonical(const Value& completed) const {
  Value out{Value::Map{}};
  for (const auto& k : keys_) {
    const Value* v = completed.find(k.name);
    if (v && k.identity && !(k.fallback && *v == *k.fallback)) out.set(k.name, *v);
  }
  return out;
}

namespace {

Value sorted(const Value& value) {
  Value out = value;
  if (out.is_list())
    for (auto& item : out.list()) item = sorted(item);
  if (!out.is_map()) return out;
  for (auto& entry : out.map()) entry.value = sorted(entry.value);
  std::sort(out.map().begin(), out.map().end(),
            [](const auto& a, const auto& b) { return a.key < b.key; });
  return out;
}

}  // namespace

std::string identity_text(const Value& value) {
  return to_json(sorted(value));
}

}  // namespace bench
