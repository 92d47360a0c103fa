#include "io/gzip.h"

#include <zlib.h>

#include <memory>

#include "base/error.h"

namespace bench {

std::string read_gzip(const std::filesystem::path& file, size_t limit) {
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> in(gzopen(file.c_str(), "rb"), gzclose);
  if (!in) fail("{}: cannot be opened", file.string());
  std::string text, part(1 << 16, '\0');
  for (;;) {
    const int n = gzread(in.get(), part.data(), static_cast<unsigned>(part.size()));
    if (n < 0) fail("{}: is no whole gzip file", file.string());
    if (n == 0) break;
    text.append(part, 0, static_cast<size_t>(n));
    if (text.size() > limit) fail("{}: unpacks to more than {} bytes", file.string(), limit);
  }
  int status = Z_OK;
  gzerror(in.get(), &status);
  if (status != Z_OK && status != Z_STREAM_END) fail("{}: is truncated", file.string());
  return text;
}

}  // namespace bench
