#include "config/reference.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/near.h"

namespace bench {
namespace {

std::string dotted(const Declared& part, const Key& key) {
  return part.path.empty() ? key.name : part.path + "." + key.name;
}

/// `name` is `wanted`, or ends in it behind a dot.
bool is_named(const std::string& name, const std::string& wanted) {
  return name == wanted || name.ends_with("." + wanted);
}

/// The keys of the part that are asked for.
std::vector<Key> asked(const Declared& part, const std::string& wanted) {
  if (wanted.empty() || is_named(part.path, wanted)) return part.schema.keys();
  std::vector<Key> keys;
  for (const auto& key : part.schema.keys()) {
    const auto path = dotted(part, key);
    if (is_named(path, wanted) || path.rfind(wanted + ".", 0) == 0) keys.push_back(key);
  }
  return keys;
}

/// "[0, 1]", ">= 0", "" without limits.
std::string limits(const Key& key) {
  if (std::isinf(key.low) && std::isinf(key.high)) return "";
  if (std::isinf(key.high)) return fmt::format(">= {}", key.low);
  return fmt::format("[{}, {}]", key.low, key.high);
}

std::string default_of(const Key& key) {
  if (!key.fallback) return "required";
  return key.fallback->is_null() ? "" : to_json(*key.fallback);
}

std::string as_text(const Declared& part, const Key& key) {
  auto text = fmt::format("{} ({})", dotted(part, key), type_name(key.type));
  const auto fallback = default_of(key);
  if (!key.fallback)
    text += ", required";
  else if (!fallback.empty())
    text += ", default " + fallback;
  if (!limits(key).empty()) text += ", " + limits(key);
  if (!key.unit.empty()) text += ", in " + key.unit;
  text += "\n    " + key.doc + "\n";
  if (!key.choices.empty()) text += fmt::format("    one of: {}\n", fmt::join(key.choices, ", "));
  return text;
}

Value as_object(const Declared& part, const Key& key) {
  Value one{Value::Map{}};
  one.set("key", dotted(part, key));
  one.set("type", type_name(key.type));
  one.set("required", !key.fallback);
  if (key.fallback && !key.fallback->is_null()) one.set("default", *key.fallback);
  if (!std::isinf(key.low)) one.set("low", key.low);
  if (!std::isinf(key.high)) one.set("high", key.high);
  if (!key.unit.empty()) one.set("unit", key.unit);
  Value::List choices(key.choices.begin(), key.choices.end());
  if (!choices.empty()) one.set("choices", std::move(choices));
  one.set("identity", key.identity);
  one.set("doc", key.doc);
  return one;
}

/// A cell of a table: a bar would end it.
std::string cell(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

std::string as_row(const Declared& part, const Key& key) {
  auto type = std::string(type_name(key.type));
  if (!limits(key).empty()) type += " " + limits(key);
  if (!key.unit.empty()) type += ", " + key.unit;
  auto doc = key.doc;
  if (!key.choices.empty()) doc += fmt::format("; one of `{}`", fmt::join(key.choices, "` `"));
  if (!key.identity) doc += " (no part of ids)";
  const auto fallback = default_of(key);
  return fmt::format("| `{}` | {} | {} | {} |\n", dotted(part, key), cell(type),
                     !key.fallback || fallback.empty() ? fallback : "`" + cell(fallback) + "`",
                     cell(doc));
}

const char* const kPage = R"(# Every configuration key

Made from the declarations in the code by `bench explain --format markdown`; a test compares.
`criterion.wanda.x` is the key `criterion.x` where `criterion.name` is `wanda`; `task.size.x` is
the key `task.LABEL.x` of a task whose `name` is `size`; `launcher.slurm.x` is `launcher.x` where
`launcher.kind` is `slurm`. A key that is "no part of ids" changes no
result; a value that equals its default changes no id either.
)";

}  // namespace

std::string explain(const std::vector<Declared>& parts, const std::string& wanted,
                    const std::string& format) {
  std::string text = format == "markdown" && wanted.empty() ? kPage : "";
  Value::List objects;
  std::vector<std::string> known;
  bool found = false;
  for (const auto& part : parts) {
    for (const auto& key : part.schema.keys())
      known.push_back(wanted.find('.') == std::string::npos ? key.name : dotted(part, key));
    const auto keys = asked(part, wanted);
    const bool whole = !wanted.empty() && is_named(part.path, wanted);
    found = found || whole || !keys.empty();
    if (format == "text" && whole) text += fmt::format("{}\n    {}\n", part.path, part.doc);
    if (format == "markdown" && (whole || wanted.empty() || !keys.empty())) {
      text += fmt::format("{}## {}\n\n{}\n", text.empty() ? "" : "\n",
                          part.path.empty() ? "A trial" : "`" + part.path + "`", part.doc);
      if (!keys.empty()) text += "\n| key | type | default | meaning |\n|---|---|---|---|\n";
    }
    for (const auto& key : keys) {
      if (format == "json")
        objects.push_back(as_object(part, key));
      else
        text += format == "markdown" ? as_row(part, key) : as_text(part, key);
    }
  }
  std::sort(known.begin(), known.end());
  known.erase(std::unique(known.begin(), known.end()), known.end());
  if (!found) fail("explain: no key '{}'{}", wanted, suggestion(wanted, known));
  return format == "json" ? to_json(Value(std::move(objects))) + "\n" : text;
}

}  // namespace bench
