#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace bench {

/// Walks the files of a tar archive (ustar, GNU long names, pax paths), plain or gzipped, in their
/// order. visit(name, size, content): content() reads the file, at most once and only inside the
/// call. Nothing is ever written anywhere. Broken headers and early ends are an Error.
void walk_tar(const std::filesystem::path& file,
              const std::function<void(const std::string& name, uint64_t size,
                                       const std::function<std::string()>& content)>& visit);

}  // namespace bench
