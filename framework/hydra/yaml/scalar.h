#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "hydra/yaml/value.h"

namespace bench {

/// Digits with `_` anywhere between them ("1_000"), optionally signed. Nothing if there are other
/// characters; an Error if the number does not fit 64 bits.
std::optional<int64_t> parse_int(std::string_view text, int base = 10);
/// As Python's int() reads a text: blanks around it, single underscores between digits.
std::optional<int64_t> python_int(std::string_view text);
/// A decimal float as Python's float() reads it after its underscores are gone; inf on overflow.
std::optional<double> parse_float(std::string_view text);

/// The type that YAML 1.1 gives a plain scalar, as PyYAML with OmegaConf's floats decides it
/// (specification 3). Text stays a string if no pattern matches.
Value yaml_scalar(std::string_view plain);

/// str(value) of Python: True, None, 1.0, [1, 'a'], {'k': 1} (mixed interpolations use it).
std::string python_str(const Value& value);
std::string python_repr(const Value& value);
/// A key of a map as a value of its kind, and the entry of such a key.
Value key_value(const Value::Entry& entry);
Value::Entry make_entry(const Value& key, Value value);

}  // namespace bench
