#pragma once
#include <string>

#include "text/json_file.h"
#include "text/regex.h"

namespace bench::text {

/// {"String": ".."} or {"Regex": ".."} as tokenizer.json writes patterns.
Pattern pattern_from_json(const Json& spec, const std::string& where);

}  // namespace bench::text
