#include "base/utf8.h"

#include <algorithm>
#include <initializer_list>

#include "base/error.h"
#include "base/unicode.h"

namespace bench::text {

namespace {

/// Length of the well-formed character at `at`; 0 if ill-formed, with `bad` = bytes to skip.
size_t well_formed(std::string_view text, size_t at, size_t& bad) {
  const auto byte = [&](size_t i) -> unsigned {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u;
  };
  const unsigned first = byte(0);
  bad = 1;
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4) return 0;
  const size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  // The second byte has a narrower range where overlong forms, surrogates or > U+10FFFF loom.
  const unsigned low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  const unsigned high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  if (byte(1) < low || byte(1) > high) return 0;
  for (size_t i = 2; i < length; ++i) {
    bad = i;
    if (byte(i) < 0x80 || byte(i) > 0xBF) return 0;
  }
  return length;
}

bool of(uint32_t code, std::initializer_list<std::string_view> categories) {
  const auto kind = general_category(code);
  return std::find(categories.begin(), categories.end(), kind) != categories.end();
}

}  // namespace

size_t invalid_utf8(std::string_view text) {
  size_t at = 0, bad = 0;
  while (at < text.size()) {
    const size_t length = well_formed(text, at, bad);
    if (length == 0) return at;
    at += length;
  }
  return std::string_view::npos;
}

void check_text(std::string_view text) {
  if (text.size() > size_t{1} << 30)
    fail("a text of {} bytes is too large to tokenize at once; cut it at line ends", text.size());
  const size_t bad = invalid_utf8(text);
  if (bad != std::string_view::npos)
    fail("the text to tokenize is not valid UTF-8 at byte {}; convert it to UTF-8", bad);
}

uint32_t next_code_point(std::string_view text, size_t& at) {
  const auto byte = [&](size_t i) -> uint32_t {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) & 0x3Fu : 0u;
  };
  const auto first = static_cast<unsigned char>(text[at]);
  const size_t length = char_length(text[at]);
  uint32_t code = first;
  if (length == 2) code = (first & 0x1Fu) << 6 | byte(1);
  if (length == 3) code = (first & 0x0Fu) << 12 | byte(1) << 6 | byte(2);
  if (length == 4) code = (first & 0x07u) << 18 | byte(1) << 12 | byte(2) << 6 | byte(3);
  at += length;
  return code;
}

void append_code_point(std::string& text, uint32_t code) {
  const auto put = [&](uint32_t byte) { text += static_cast<char>(byte); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xC0 | code >> 6);
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3F));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F));
  }
  put(0x80 | (code & 0x3F));
}

std::string lossy_utf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  size_t at = 0, bad = 0;
  while (at < bytes.size()) {
    const size_t length = well_formed(bytes, at, bad);
    text += length ? bytes.substr(at, length) : kReplacement;
    at += length ? length : bad;
  }
  return text;
}

size_t count_chars(std::string_view text) {
  size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

bool is_white_space(uint32_t code) {
  if (code < 0x80) return code == ' ' || (code >= 9 && code <= 13);
  if (code == 0x85) return true;
  return of(code, {"Zs", "Zl", "Zp"});
}

bool is_numeric(uint32_t code) {
  return of(code, {"Nd", "Nl", "No"});
}

bool is_punctuation(uint32_t code) {
  if (code < 0x80) {
    return (code >= 33 && code <= 47) || (code >= 58 && code <= 64) || (code >= 91 && code <= 96) ||
           (code >= 123 && code <= 126);
  }
  return general_category(code).starts_with('P');
}

bool is_word(uint32_t code) {
  const auto kind = general_category(code);
  // U+200C and U+200D are the join controls.
  const bool letter = kind[0] == 'L' || kind[0] == 'M' || kind == "Nd" || kind == "Nl" ||
                      kind == "Pc" || code == 0x200C || code == 0x200D;
  // Letters in circles and squares are Alphabetic, though of category So.
  const bool enclosed =
      (code >= 0x24B6 && code <= 0x24E9) || (code >= 0x1F130 && code <= 0x1F149) ||
      (code >= 0x1F150 && code <= 0x1F169) || (code >= 0x1F170 && code <= 0x1F189);
  return letter || enclosed;
}

std::string lower_case(std::string_view text) {
  std::string lower;
  lower.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const uint32_t code = next_code_point(text, at);
    if (code == 0x130) {  // the one letter whose lower case is two (SpecialCasing.txt)
      lower += "i\xCC\x87";
    } else {
      append_code_point(lower, simple_lower(code));
    }
  }
  return lower;
}

}  // namespace bench::text
