#pragma once
#include <string>
#include <string_view>

namespace bench::text {

/// The PCRE2 pattern (UTF mode) that matches what this Oniguruma pattern (Ruby syntax, UTF-8)
/// matches. tokenizer.json files are written for Oniguruma, whose classes nest
/// (`[a[bc]]` is a union, `[a-z&&[^b]]` an intersection), whose `^` and `$` are those of a line and
/// whose \s, \w, \h, \v are other sets than PCRE2's. What has no equivalent is an Error.
std::string pcre2_from_oniguruma(std::string_view pattern);

}  // namespace bench::text
