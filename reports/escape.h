#pragma once
#include <string>
#include <string_view>

#include "base/printable.h"

namespace bench {

/// Names come out of a database that anybody may have filled: every language has its own escape.

std::string markdown(std::string_view text);
/// Quoted where needed; a text that a spreadsheet would run as a formula gets a leading quote.
std::string csv(std::string_view text);
std::string latex(std::string_view text);
std::string html(std::string_view text);

/// Columns that a printable text takes on a terminal (one a code point).
size_t width(std::string_view text);

}  // namespace bench
