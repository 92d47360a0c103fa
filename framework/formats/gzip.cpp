#include "formats/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/regular_file.h"

namespace bench {

std::string read_gzip(const std::filesystem::path& file, size_t limit) {
  return GzipReader(file).rest(limit);
}

struct GzipReader::File {
  gzFile handle;
};

GzipReader::GzipReader(const std::filesystem::path& file) : name_(file.string()) {
  require_regular(file);
  const auto handle = gzopen(file.c_str(), "rb");
  if (!handle) fail("{}: cannot be opened", name_);
  file_ = std::make_unique<File>(File{handle});
}

GzipReader::~GzipReader() {
  gzclose(file_->handle);
}

size_t GzipReader::some(char* to, size_t count) {
  const int n = gzread(file_->handle, to, static_cast<unsigned>(count));
  if (n < 0) fail("{}: is no whole gzip file", name_);
  return static_cast<size_t>(n);
}

std::string GzipReader::read(size_t count) {
  constexpr size_t kPart = 1 << 20;
  std::string all;
  while (all.size() < count) {
    const auto had = all.size(), more = std::min(kPart, count - had);
    all.resize(had + more);
    const auto n = some(all.data() + had, more);
    all.resize(had + n);
    if (n == 0) fail("{}: ends {} bytes too early", name_, count - had);
  }
  return all;
}

std::string GzipReader::rest(size_t limit) {
  std::string all, part(1 << 16, '\0');
  while (const auto n = some(part.data(), part.size())) {
    all.append(part, 0, n);
    if (all.size() > limit) fail("{}: unpacks to more than {} bytes", name_, limit);
  }
  int status = Z_OK;
  gzerror(file_->handle, &status);
  if (status != Z_OK && status != Z_STREAM_END) fail("{}: is truncated", name_);
  return all;
}

void GzipReader::skip(size_t count) {
  char part[1 << 14];
  while (count > 0) {
    const auto n = some(part, std::min(sizeof part, count));
    if (n == 0) fail("{}: ends {} bytes too early", name_, count);
    count -= n;
  }
}

}  // namespace bench
