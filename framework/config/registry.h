#pragma once
#include <concepts>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/near.h"
#include "config/about.h"
#include "config/config.h"

namespace bench {

/// The shared library whose plugins enroll themselves while it is loaded; empty: the program's own.
std::string& enrolling_library();

/// Name -> schema and factory for one plugin interface. Filled before main(), read-only afterwards.
template <class T>
class Registry {
 public:
  struct Plugin {
    About about;
    Schema schema;  // without `name`
    std::unique_ptr<T> (*make)(const Config&);
    std::string file;  // of its source, as the compiler named it
  };

  static Registry& instance() {
    static Registry registry;
    return registry;
  }

  bool add(const std::string& name, Plugin plugin) {
    if (!plugins_.emplace(name, std::move(plugin)).second) fail("'{}' is registered twice", name);
    return true;
  }

  const std::map<std::string, Plugin>& all() const { return plugins_; }

  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& [name, plugin] : plugins_) names.push_back(name);
    return names;
  }

  const Plugin& at(const std::string& name, const std::string& path) const {
    const auto it = plugins_.find(name);
    if (it == plugins_.end())
      fail("{}: unknown name '{}'{}", path, name, suggestion(name, names()));
    return it->second;
  }

  /// {name: wanda, ...} completed by the plugin's own schema; `name` stays in front.
  Value complete(const Value& given, const std::string& path,
                 std::vector<std::string>& mistakes) const {
    const Value* name = given.find("name");
    if (!name || !name->is_string()) {
      mistakes.push_back(path + ".name: missing; known: " + known());
      return given;
    }
    const auto it = plugins_.find(name->string());
    if (it == plugins_.end()) {
      mistakes.push_back(where(*name) + path + ".name: unknown name '" + name->string() + "'" +
                         suggestion(name->string(), names()));
      return given;
    }
    Value rest = given;
    rest.erase("name");
    Value out{Value::Map{}};
    out.set("name", *name);
    auto completed = it->second.schema.complete(rest, path, mistakes);
    for (auto& e : completed.map()) out.set(e.key, std::move(e.value));
    return out;
  }

  /// From a completed map.
  std::unique_ptr<T> make(const Value& completed, const std::string& path) const {
    return at(completed.find("name")->string(), path).make(Config(completed, path));
  }

  /// For tests and callers in code: completes first, throws on any mistake.
  std::unique_ptr<T> create(const std::string& name, Value settings = Value(Value::Map{})) const {
    settings.set("name", name);
    std::vector<std::string> mistakes;
    const auto completed = complete(settings, name, mistakes);
    if (!mistakes.empty()) fail("{}", mistakes.front());
    return make(completed, name);
  }

  Value canonical(const Value& completed) const {
    const auto name = completed.find("name")->string();
    Value out{Value::Map{}};
    out.set("name", name);
    const auto rest = at(name, name).schema.canonical(completed);
    for (const auto& e : rest.map()) out.set(e.key, e.value);
    return out;
  }

 private:
  std::string known() const {
    std::string text;
    for (const auto& name : names()) text += (text.empty() ? "" : ", ") + name;
    return text;
  }
  std::map<std::string, Plugin> plugins_;
};

template <class T, std::derived_from<T> Impl>
bool enroll(const char* name, About about, const char* file = "") {
  Schema schema;
  if constexpr (requires { Impl::schema(); }) schema = Impl::schema();
  return Registry<T>::instance().add(name,
                                     {std::move(about), schema,
                                      [](const Config& config) -> std::unique_ptr<T> {
                                        if constexpr (std::constructible_from<Impl, const Config&>)
                                          return std::make_unique<Impl>(config);
                                        else
                                          return std::make_unique<Impl>();
                                      },
                                      enrolling_library().empty() ? file : enrolling_library()});
}

/// BENCH_REGISTER(Criterion, Wanda, "wanda", .doc = "one sentence", .source = "...", .year = 2023);
/// at file scope of the plugin's .cpp: the rest are the fields of About, in their order. Impl may
/// have `static Schema schema()` and a constructor from `const Config&`.
#define BENCH_REGISTER(Interface, Impl, name, ...) \
  [[maybe_unused]] const bool registered_##Impl =  \
      ::bench::enroll<Interface, Impl>(name, ::bench::About{__VA_ARGS__}, __FILE__)

}  // namespace bench
