#pragma once
#include <string>

#include "hydra/yaml/value.h"

namespace bench::text {

/// Jinja's tojson: json.dumps of Python with sorted keys and ASCII alone, and < > & ' as escapes,
/// so that it is safe in HTML (jinja2/utils.py, htmlsafe_json_dumps). indent < 0: one line.
std::string html_json(const Value& value, int64_t indent = -1);

}  // namespace bench::text
