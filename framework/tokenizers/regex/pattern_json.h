#pragma once
#include <string>

#include "tokenizers/json_file.h"
#include "tokenizers/regex/regex.h"

namespace bench::text {

/// {"String": ".."} or {"Regex": ".."} as tokenizer.json writes patterns.
Pattern pattern_from_json(const Json& spec, const std::string& where);

}  // namespace bench::text
