#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace bench::text {

/// Unicode as the tokenizers have it that numbers are compared with: 16.0 for classes and lower
/// case (tokenizers 0.22), whatever version the system's libraries bring. They are asked for points
/// that Unicode 14.0 knew; what is newer stands in a table of our own (unicode_newer.inc).
inline constexpr const char* kUnicodeVersion = "16.0";

/// The general category, "Lu"; "Cn" for what 16.0 does not assign.
std::string_view general_category(uint32_t code);
/// Simple lower case.
uint32_t simple_lower(uint32_t code);
/// Whether NFC to NFKD leave the point alone though newer rules would change it (the tokenizers'
/// normalisers are of Unicode 9).
bool never_normalised(uint32_t code);
/// Points newer than 14.0 of a category ("L", "Nd"), as ranges of a PCRE2 class.
std::string newer_points(std::string_view category);

}  // namespace bench::text
