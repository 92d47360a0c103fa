#include "base/regular_file.h"

#include "base/error.h"

namespace bench {
namespace fs = std::filesystem;

namespace {

const char* kind_of(fs::file_type type) {
  switch (type) {
    case fs::file_type::directory:
      return "a folder";
    case fs::file_type::fifo:
      return "a pipe";
    case fs::file_type::socket:
      return "a socket";
    default:
      return "a device";
  }
}

/// "" for a regular file and for nothing.
std::string irregular(const fs::path& file) {
  std::error_code ignored;
  const auto status = fs::status(file, ignored);
  if (!fs::exists(status) || fs::is_regular_file(status)) return "";
  return kind_of(status.type());
}

}  // namespace

void require_regular(const fs::path& file) {
  if (const auto kind = irregular(file); !kind.empty())
    fail("{}: is {}, no regular file; give a file", file.string(), kind);
}

void require_replaceable(const fs::path& file) {
  if (const auto kind = irregular(file); !kind.empty())
    fail("{}: is {}, which is not replaced; give the name of a file", file.string(), kind);
}

}  // namespace bench
