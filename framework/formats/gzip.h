#pragma once
#include <filesystem>
#include <memory>
#include <string>

namespace bench {

/// The content of a gzip file; broken, truncated or larger than `limit` bytes is an Error.
std::string read_gzip(const std::filesystem::path& file, size_t limit = size_t{1} << 30);

/// A file read from its beginning on, gzipped or plain (its first bytes say which).
class GzipReader {
 public:
  explicit GzipReader(const std::filesystem::path& file);
  ~GzipReader();
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;

  /// The next `count` bytes; an Error if it ends before. Memory grows with what is there, not with
  /// what is asked for.
  std::string read(size_t count);
  void skip(size_t count);
  /// All that is left; more than `limit` bytes, and an early end of the packed data, are an Error.
  std::string rest(size_t limit);
  const std::string& name() const { return name_; }

 private:
  /// At most `count` bytes, 0 at the end.
  size_t some(char* to, size_t count);
  struct File;
  std::unique_ptr<File> file_;
  std::string name_;
};

}  // namespace bench
