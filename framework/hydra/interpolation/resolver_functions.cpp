// The resolvers of specification 4 (OmegaConf resolvers/oc; Hydra core/utils.py for now: and
// hydra:).
#include <cstdlib>

#include "base/error.h"
#include "base/near.h"
#include "hydra/interpolation/resolver.h"
#include "hydra/yaml/scalar.h"
#include "hydra/yaml/yaml.h"

namespace bench {
namespace {

struct Signature {
  const char* name;
  size_t least, most;
};

constexpr Signature kResolvers[] = {{"oc.env", 1, 2},
                                    {"oc.decode", 1, 1},
                                    {"oc.select", 1, 2},
                                    {"oc.create", 1, 1},
                                    {"oc.deprecated", 1, 2},
                                    {"oc.dict.keys", 1, 1},
                                    {"oc.dict.values", 1, 1},
                                    {"hydra", 1, 1},
                                    {"now", 1, 1},
                                    {"hydra_override_dirname", 0, 1}};

const Signature& signature(const std::string& name) {
  std::vector<std::string> known;
  for (const auto& resolver : kResolvers) {
    if (name == resolver.name) return resolver;
    known.push_back(resolver.name);
  }
  if (name == "python_version")
    fail("Unsupported interpolation type python_version: no Python runs here; remove it");
  fail("Unsupported interpolation type {}{}", name, suggestion(name, known));
}

const std::string& text_argument(const std::string& resolver, const Value& value) {
  if (!value.is_string())
    fail("`{}` requires a string as input, but obtained `{}` of type: {}", resolver,
         python_str(value).substr(0, 100), type_name(value));
  return value.string();
}

std::string replace_all(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

std::string dotted(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ".") + name;
  return text;
}

}  // namespace

Place Resolver::call(const Expression& e, const Place& at) {
  const auto name = name_of(e, at, e.count, "The name of a resolver must be a string");
  std::vector<Place> arguments;
  for (size_t i = e.count; i < e.parts.size(); ++i) arguments.push_back(evaluate(e.parts[i], at));
  const auto& known = signature(name);
  if (arguments.size() < known.least || arguments.size() > known.most)
    fail("`{}` takes {} argument{}, got {}", name,
         known.least == known.most ? std::to_string(known.least)
                                   : fmt::format("{} or {}", known.least, known.most),
         known.most == 1 ? "" : "s", arguments.size());
  if (name == "oc.env") return made(env(arguments), at);
  if (name == "oc.decode") return decode(*arguments[0].node, at);
  if (name == "oc.select") return select_or(arguments, at);
  if (name == "oc.deprecated") return deprecated(arguments, at);
  if (name == "now") return made(now(*arguments[0].node), at);
  if (name == "hydra_override_dirname") return override_dirname();
  if (name == "hydra") {
    const auto& key = text_argument(name, *arguments[0].node);
    auto found = select(context_.settings, key);
    if (found.state != Selected::State::Found) fail("run setting '{}' not found", key);
    return made(std::move(found.value), at);
  }
  if (name == "oc.create") {
    const Value& given = *arguments[0].node;
    if (given.is_string()) return made(load_yaml(given.string(), "oc.create"), at);
    if (!given.is_map() && !given.is_list() && !given.is_null())
      fail("Object of unsupported type: '{}'; `oc.create` takes a map, a list or YAML",
           type_name(given));
    return made(given, at);
  }
  return dict_part(name, arguments[0], at);
}

/// The text of the overrides is itself a text with interpolations, at the top of the configuration.
Place Resolver::override_dirname() {
  made_.emplace_back(context_.override_dirname);
  return follow({&made_.back(), {&root_}, {"hydra_override_dirname"}, false});
}

Value Resolver::env(const std::vector<Place>& arguments) const {
  const auto name = text_argument("oc.env", *arguments[0].node);
  std::optional<std::string> value;
  if (context_.env) {
    value = context_.env(name);
  } else if (const char* text = std::getenv(name.c_str())) {
    value = text;
  }
  if (value) return *value;
  if (arguments.size() == 1)
    fail("Environment variable '{}' not found; set it, or give a default: ${{oc.env:{},default}}",
         name, name);
  const Value& fallback = *arguments[1].node;
  return fallback.is_null() ? Value() : Value(python_str(fallback));
}

Place Resolver::decode(const Value& text, const Place& at) {
  if (text.is_null()) return made({}, at);
  if (!text.is_string())
    fail("`oc.decode` can only take strings or None as input, but `{}` is of type {}",
         python_str(text).substr(0, 100), type_name(text));
  return evaluate(parse_element(text.string()), at);
}

Place Resolver::select_or(const std::vector<Place>& arguments, const Place& at) {
  const auto key = text_argument("oc.select", *arguments[0].node);
  Place found;
  try {
    found = relative(at, key, OnMissing::Return);
  } catch (const NoPath&) {  // an absent key, as in OmegaConf; a failure inside the path stays one
  }
  const bool missing =
      found.node && !found.final && found.node->is_string() && found.node->string() == "???";
  if (found.node && !missing) return found;
  return arguments.size() == 2 ? arguments[1] : made({}, at);
}

Place Resolver::deprecated(const std::vector<Place>& arguments, const Place& at) {
  for (const auto& argument : arguments)
    if (!argument.node->is_string())
      fail("oc.deprecated: interpolation {} type is not a string ({})",
           &argument == &arguments[0] ? "key" : "message", type_name(*argument.node));
  const auto& key = arguments[0].node->string();
  const Place target = relative(at, key, OnMissing::Return);
  const auto old_key = dotted(at.names);
  if (!target.node) fail("In oc.deprecated resolver at '{}': Key not found: '{}'", old_key, key);
  if (context_.warnings) {
    std::string text = arguments.size() == 2
                           ? arguments[1].node->string()
                           : "'$OLD_KEY' is deprecated. Change your config to use '$NEW_KEY'";
    text = replace_all(text, "$OLD_KEY", old_key);
    context_.warnings->push_back(replace_all(text, "$NEW_KEY", dotted(target.names)));
  }
  return target;
}

Place Resolver::dict_part(const std::string& resolver, const Place& argument, const Place& at) {
  const auto key = text_argument(resolver, *argument.node);
  const Place dict = relative(at, key, OnMissing::Throw);
  if (!dict.node) fail("Key not found: '{}'", key);
  if (!dict.node->is_map())
    fail("`{}` cannot be applied to objects of type: {}", resolver, type_name(*dict.node));
  Value::List list;
  const bool keys = resolver == "oc.dict.keys";
  for (const auto& entry : dict.node->map())
    list.push_back(keys ? key_value(entry) : copy(dict.child(&entry.value, entry.key)));
  return made(Value(std::move(list)), at);
}

Value Resolver::now(const Value& format) {
  if (now_ == 0) now_ = context_.now ? context_.now : std::time(nullptr);
  std::tm parts{};
  localtime_r(&now_, &parts);
  char text[256];
  const auto n = std::strftime(text, sizeof text, text_argument("now", format).c_str(), &parts);
  return std::string(text, n);
}

}  // namespace bench
