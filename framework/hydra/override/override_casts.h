#pragma once
#include "hydra/override/override.h"

namespace bench {

enum class Cast { Int, Float, Str, Bool };

/// The cast matrix of specification 1.3; into lists, map values and sweeps.
Element cast_element(const Element& element, Cast cast);
Value cast_value(const Value& value, Cast cast);
/// json_str(): deprecated upstream, the JSON text as Python writes it.
Element json_str(const Element& element);

}  // namespace bench
