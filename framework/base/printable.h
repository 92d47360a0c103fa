#pragma once
#include <string>
#include <string_view>

namespace bench {

/// For a terminal: control and direction characters and broken UTF-8 become visible escapes. Names
/// come out of files and databases that anybody may have filled.
std::string printable(std::string_view text);

/// The same of a message that may have several lines.
std::string printable_lines(std::string_view text);

}  // namespace bench
