#pragma once
#include <filesystem>
#include <string>

namespace bench {

/// The content of a gzip file; broken, truncated or larger than `limit` bytes is an Error.
std::string read_gzip(const std::filesystem::path& file, size_t limit = size_t{1} << 30);

}  // namespace bench
