#pragma once
#include <string>
#include <string_view>

#include "hydra/yaml/value.h"

namespace bench {

/// What one JSON text may hold: more is an Error, not a full memory.
struct JsonBudget {
  size_t bytes = size_t{64} << 20;
  size_t values = 4'000'000;
  int depth = 100;
};

/// A JSON text as Python's json module reads it: NaN, Infinity and -Infinity are numbers, and of a
/// key that stands twice the last counts. The text is UTF-8. A mistake, or more than the budget, is
/// an Error that begins with `where` and names the byte; so is a whole number beyond 64 bits.
Value value_of_json(std::string_view json, const std::string& where, const JsonBudget& budget = {});

}  // namespace bench
