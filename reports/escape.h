#pragma once
#include <string>
#include <string_view>

namespace bench {

/// Names come out of a database that anybody may have filled: every language has its own escape.

/// For a terminal: control and direction characters and broken UTF-8 become visible escapes.
std::string printable(std::string_view text);
std::string markdown(std::string_view text);
/// Quoted where needed; a text that a spreadsheet would run as a formula gets a leading quote.
std::string csv(std::string_view text);
std::string latex(std::string_view text);

/// Columns that a printable text takes on a terminal (one a code point).
size_t width(std::string_view text);

}  // namespace bench
