#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bench::text {

// What Python's str does, on UTF-8: lm-eval's task files and metrics are written in these words.

/// str.isspace() of one character, and \s of a pattern over str: more than White_Space
/// (U+001C..1F).
bool is_python_space(uint32_t code);

/// str.strip(), or of one side.
std::string strip(std::string_view text);
std::string lstrip(std::string_view text);
std::string rstrip(std::string_view text);

/// str.capitalize(): the first character in title case, the rest in lower case.
std::string capitalize(std::string_view text);
std::string upper_case(std::string_view text);

/// Pieces of re.split(r"\s+", text): runs of blanks separate, at the ends too.
size_t count_split_pieces(std::string_view text);

/// text.replace(from, to); an empty `from` changes nothing.
std::string replace_all(std::string text, std::string_view from, std::string_view to);

/// Pieces between `separator`, as str.split(separator) gives them.
std::vector<std::string> split(std::string_view text, std::string_view separator);
/// str.split(): pieces between runs of blanks, none empty.
std::vector<std::string> split_blanks(std::string_view text);

}  // namespace bench::text
