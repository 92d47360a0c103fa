#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace bench::text {

/// U+2581, by which SentencePiece spells a blank.
inline constexpr std::string_view kBlank = "\xE2\x96\x81";
/// U+FFFD, what stands for bytes that are no character.
inline constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// Bytes of the character that starts with this byte, in valid UTF-8.
inline size_t char_length(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

/// Offset of the first byte that is not valid UTF-8 (Unicode 3.9, table 3-7), npos if all is well.
size_t invalid_utf8(std::string_view text);

/// What every encode() starts with: a text that is not valid UTF-8, or larger than the gigabyte
/// that the tables of an encoder can count, is an Error.
void check_text(std::string_view text);

/// The code point at `at` of valid UTF-8; moves `at` behind it.
uint32_t next_code_point(std::string_view text, size_t& at);

void append_code_point(std::string& text, uint32_t code);

/// Valid UTF-8 from any bytes: each maximal ill-formed subsequence becomes U+FFFD, as Unicode
/// recommends and as Python's "replace" and Rust's from_utf8_lossy do.
std::string lossy_utf8(std::string_view bytes);

/// Number of characters in valid UTF-8.
size_t count_chars(std::string_view text);

// Properties of a code point, in the Unicode of base/unicode.h.
bool is_white_space(uint32_t code);  ///< White_Space
bool is_numeric(uint32_t code);      ///< Nd, Nl, No
bool is_punctuation(uint32_t code);  ///< P*, and all of ASCII's !"#$%&'()*+,-./:;<=>?@[\]^_`{|}~
bool is_word(uint32_t code);         ///< \w: L*, M*, N d and l, Pc, join controls
std::string lower_case(std::string_view text);  ///< character by character, full mapping

}  // namespace bench::text
