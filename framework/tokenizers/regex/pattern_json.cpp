#include "tokenizers/regex/pattern_json.h"

#include "base/error.h"

namespace bench::text {

Pattern pattern_from_json(const Json& spec, const std::string& where) {
  if (has(spec, "String")) return Pattern::literal(get_string(spec, "String", where));
  if (has(spec, "Regex")) return Pattern::regex(get_string(spec, "Regex", where));
  fail("{} has a pattern that is neither a String nor a Regex", where);
}

}  // namespace bench::text
