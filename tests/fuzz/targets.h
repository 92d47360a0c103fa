#pragma once
// What the fuzzers run, and the replay test on the committed corpus (tests/config). An input may be
// refused with bench::Error; anything else that escapes, or a broken round trip, is a bug.
#include <cmath>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "hydra/interpolation/interpolation.h"
#include "hydra/override/override.h"
#include "hydra/yaml/yaml.h"

namespace bench::fuzz {

/// By content, nan equal to nan.
inline bool same(const Value& a, const Value& b) {
  return to_json(a) == to_json(b);
}

inline void check(bool ok) {
  if (!ok) std::abort();
}

/// Text -> override -> text -> the same override; sweeps are enumerated.
inline void override_text(const std::string& text) {
  try {
    const auto o = parse_override(text);
    if (o.is_sweep()) {
      const Options options = [](const std::string&) {
        return std::vector<std::string>{"adam", "sgd"};
      };
      if (o.sweep().kind != Sweep::Kind::Interval) sweep_values(o.sweep(), o.key, options, 1);
      return;
    }
    if (!o.value) return;
    const auto again = parse_override(o.key_text() + "=" + element_text(*o.value));
    // str(1) is written 1: then the type may change, never the text.
    check(element_text(*again.value) == element_text(*o.value));
  } catch (const Error&) {
  }
}

/// YAML -> value -> YAML -> the same value.
inline void yaml_text(const std::string& text) {
  Value value;
  try {
    value = load_yaml(text, "fuzz.yaml");
  } catch (const Error&) {
    return;
  }
  std::string dump = to_yaml(value);
  Value again;
  try {
    again = load_yaml(dump, "dump.yaml");
  } catch (const Error&) {
    // A dump may be longer than what it came from: the limits may then refuse it.
    check(text.size() > 1000);
    return;
  }
  check(same(value, again));
}

/// A text with interpolations, parsed as one and as an element, evaluated in a small tree.
inline void interpolation_text(const std::string& text) {
  static const Value root =
      load_yaml("a: 1\nb: {c: [x, '${a}'], d: '${.c}'}\nkey: b\nn: null\nm: ???\nself: ${self}\n",
                "tree.yaml");
  ResolveContext context;
  context.env = [](const std::string& name) {
    return name == "E" ? std::optional<std::string>("${b.c}") : std::nullopt;
  };
  try {
    const auto value = resolve_text(root, text, context);
    to_yaml(value);
  } catch (const Error&) {
  }
  try {
    parse_element(text);
  } catch (const Error&) {
  }
}

}  // namespace bench::fuzz
