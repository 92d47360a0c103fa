#include "formats/tar.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include "base/error.h"
#include "formats/gzip.h"

namespace bench {
namespace {

constexpr size_t kBlock = 512;
constexpr uint64_t kMostName = 1 << 16;     // bytes of a long name
constexpr uint64_t kMostContent = 1 << 26;  // bytes of a file that is read

/// An octal field, ended by a blank or a zero byte.
std::optional<uint64_t> octal(const std::string& block, size_t at, size_t length) {
  uint64_t value = 0;
  bool any = false;
  for (size_t i = at; i < at + length; ++i) {
    const char c = block[i];
    if (c == ' ' && !any) continue;
    if (c == ' ' || c == '\0') break;
    if (c < '0' || c > '7' || value >> 60) return std::nullopt;
    value = value * 8 + static_cast<uint64_t>(c - '0'), any = true;
  }
  return value;
}

std::string text(const std::string& block, size_t at, size_t length) {
  return block.substr(at, strnlen(block.data() + at, length));
}

bool sound(const std::string& block) {
  uint64_t sum = 0;
  for (size_t i = 0; i < kBlock; ++i)
    sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(block[i]);
  return octal(block, 148, 8) == sum;
}

/// The value of "path" in pax records "LENGTH KEY=VALUE\n"; "" where there is none.
std::string pax_path(const std::string& records) {
  for (size_t at = 0; at < records.size();) {
    const auto blank = records.find(' ', at);
    if (blank == std::string::npos || blank - at > 8) return "";
    const auto length = std::strtoul(records.c_str() + at, nullptr, 10);
    if (length <= blank - at + 1 || length > records.size() - at) return "";
    const auto record = records.substr(blank + 1, at + length - blank - 2);
    if (record.starts_with("path=")) return record.substr(5);
    at += length;
  }
  return "";
}

size_t filling(uint64_t size) {
  return (kBlock - size % kBlock) % kBlock;
}

}  // namespace

void walk_tar(const std::filesystem::path& file,
              const std::function<void(const std::string&, uint64_t,
                                       const std::function<std::string()>&)>& visit) {
  GzipReader in(file);
  std::string longer;  // name of the next entry, where its header has no room for it
  for (;;) {
    const auto block = in.read(kBlock);
    if (block.find_first_not_of('\0') == std::string::npos) return;  // the end's mark
    const auto size = octal(block, 124, 12);
    if (!sound(block) || !size) fail("{}: is no whole tar archive: a broken header", in.name());
    const char type = block[156];
    if (type == 'L' || type == 'x') {
      if (*size > kMostName) fail("{}: a name of {} bytes", in.name(), *size);
      const auto said = in.read(static_cast<size_t>(*size));
      longer = type == 'L' ? said.substr(0, said.find('\0')) : pax_path(said);
      in.skip(filling(*size));
      continue;
    }
    auto name = text(block, 0, 100);
    if (const auto prefix = text(block, 345, 155);
        !prefix.empty() && block.substr(257, 5) == "ustar")
      name = prefix + "/" + name;
    if (!longer.empty()) name = std::exchange(longer, "");
    bool taken = false;
    if (type == '0' || type == '\0')
      visit(name, *size, [&] {
        if (*size > kMostContent)
          fail("{}: {} has {} bytes; at most {} are read", in.name(), name, *size, kMostContent);
        taken = true;
        return in.read(static_cast<size_t>(*size));
      });
    if (!taken) in.skip(static_cast<size_t>(*size));
    in.skip(filling(*size));
  }
}

}  // namespace bench
