#pragma once
#include <optional>
#include <string>

#include "hydra/yaml/value.h"

namespace bench {

/// What Python's ast.literal_eval makes of a text: strings, numbers, True, False, None, and lists,
/// tuples (as lists) and dictionaries of them. None where literal_eval raises, and for complex
/// numbers, bytes and sets, which no document holds.
std::optional<Value> python_literal(const std::string& text);

}  // namespace bench
