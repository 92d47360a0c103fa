#pragma once
#include <string>
#include <string_view>

namespace bench::text {

/// GPT-2's spelling of bytes by printable characters (openai/gpt-2, encoder.py): printable Latin-1
/// stands for itself, the other 68 bytes for U+0100 onwards.
std::string bytes_to_chars(std::string_view bytes);

/// The bytes that a token spells. One with any other character stands for its own UTF-8.
std::string chars_to_bytes(std::string_view token);

/// GPT-2's pattern, in Oniguruma's syntax.
inline constexpr const char* kGpt2Pattern =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

}  // namespace bench::text
