#pragma once
#include <string>
#include <string_view>

namespace bench::text {

/// RFC 4648, with padding. Anything else is an Error naming `where`.
std::string from_base64(std::string_view text, const std::string& where);
std::string to_base64(std::string_view bytes);

}  // namespace bench::text
