#pragma once
#include <string>

#include "hydra/yaml/value.h"

namespace bench {

/// Text of one YAML document as OmegaConf reads it: YAML 1.1 types, `<<` merges, aliases expanded,
/// duplicate keys and several documents refused, interpolations checked for syntax. Every value
/// knows its file and line. An empty document is an empty map; a lone string is {string: null}.
Value load_yaml(const std::string& text, const std::string& file_name);

/// Block style, as OmegaConf.to_yaml prints it; reads back to an equal value.
std::string to_yaml(const Value& value);

/// Limits that keep any input cheap. The node limit and the ratio are OmegaConf's (_yaml.py).
inline constexpr size_t kYamlMaxBytes = size_t{1} << 20;
inline constexpr int kYamlMaxNodes = 10'000;
inline constexpr int kYamlMaxDepth = 100;

}  // namespace bench
