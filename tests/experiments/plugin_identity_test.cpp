// Every key of every plugin is part of a trial's id, or is said to change nothing.
#include "core/allocator.h"
#include "core/criterion.h"
#include "core/stage.h"
#include "core/task.h"
#include "core/update.h"
#include "test.h"

using namespace bench;
using namespace bench::test;

namespace {

/// Something to stand where a key has no default.
Value given(const Key& k) {
  if (k.fallback && !k.fallback->is_null()) return *k.fallback;
  if (!k.choices.empty()) return Value(k.choices.front());
  switch (k.type) {
    case Key::Type::Int:
      return Value(int64_t{1});
    case Key::Type::Float:
      return Value(0.5);
    case Key::Type::Strings:
      return Value(Value::List{Value("a")});
    case Key::Type::Map:
      return Value(Value::Map{});
    default:
      return Value("a");
  }
}

/// Another value that the key takes; nothing where there is none.
std::optional<Value> another(const Key& k, const Value& is) {
  if (!k.choices.empty()) {
    if (is.is_list()) return Value(Value::List{Value(k.choices.back())});
    for (const auto& c : k.choices)
      if (!is.is_string() || is.string() != c) return Value(c);
    return std::nullopt;
  }
  if (k.type == Key::Type::Bool) return Value(!std::get<bool>(is.data));
  if (k.type == Key::Type::Int) {
    const auto v = std::get<int64_t>(is.data);
    return Value(static_cast<double>(v) + 1 <= k.high ? v + 1 : v - 1);
  }
  if (k.type == Key::Type::Float) {
    const auto v = std::get<double>(is.data);
    for (const double other : {v + 0.25, v - 0.25, v / 2, v + 0.01, v - 0.01})
      if (other != v && other >= k.low && other <= k.high) return Value(other);
    return std::nullopt;
  }
  if (k.type == Key::Type::String) return Value((is.is_string() ? is.string() : "") + "x");
  if (k.type == Key::Type::Strings) {
    auto list = is.list();
    list.push_back(Value("zzz"));
    return Value(list);
  }
  return std::nullopt;
}

template <class T>
int try_all(const char* kind) {
  int tried = 0;
  const auto& registry = Registry<T>::instance();
  for (const auto& [name, plugin] : registry.all()) {
    Value::Map base{{"name", Value(name)}};
    for (const auto& k : plugin.schema.keys())
      if (!k.fallback) base.push_back({k.name, given(k)});
    const auto id = [&](const Value& settings) {
      std::vector<std::string> mistakes;
      const auto completed = registry.complete(settings, name, mistakes);
      INFO(kind << " " << name << ": " << (mistakes.empty() ? "" : mistakes.front()));
      CHECK(mistakes.empty());
      return identity_text(registry.canonical(completed));
    };
    for (const auto& k : plugin.schema.keys()) {
      const auto is = given(k);
      const auto other = another(k, is);
      if (!other) continue;
      INFO(kind << " " << name << ", key " << k.name);
      Value one{base}, two{base};
      one.set(k.name, is);
      two.set(k.name, *other);
      CHECK((id(one) != id(two)) == k.identity);
      ++tried;
    }
  }
  return tried;
}

}  // namespace

TEST_CASE("two values of a key are two ids, unless the key is said to change nothing", "[trial]") {
  const int tried = try_all<Criterion>("criterion") + try_all<Allocator>("allocator") +
                    try_all<Update>("update") + try_all<Stage>("stage") + try_all<Task>("task");
  CHECK(tried > 200);
}
