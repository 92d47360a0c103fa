#include "tokenizers/huggingface/byte_level.h"

#include <array>
#include <cstdint>

#include "base/utf8.h"

namespace bench::text {

namespace {

struct Table {
  std::array<std::string, 256> chars;  // UTF-8 of the character for each byte
  std::array<int, 512> bytes{};        // byte of each code point below 512, -1: none

  Table() {
    bytes.fill(-1);
    uint32_t next = 256;
    for (uint32_t byte = 0; byte < 256; ++byte) {
      const bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) ||
                             (byte >= 0xAE && byte <= 0xFF);
      const uint32_t code = printable ? byte : next++;
      append_code_point(chars[byte], code);
      bytes[code] = static_cast<int>(byte);
    }
  }
};

const Table& table() {
  static const Table table;
  return table;
}

}  // namespace

std::string bytes_to_chars(std::string_view bytes) {
  const Table& known = table();
  std::string text;
  text.reserve(bytes.size() + bytes.size() / 4);
  for (const char c : bytes) text += known.chars[static_cast<unsigned char>(c)];
  return text;
}

std::string chars_to_bytes(std::string_view token) {
  const Table& known = table();
  std::string bytes;
  for (size_t at = 0; at < token.size();) {
    const uint32_t code = next_code_point(token, at);
    const int byte = code < known.bytes.size() ? known.bytes[code] : -1;
    if (byte < 0) return std::string(token);
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

}  // namespace bench::text
