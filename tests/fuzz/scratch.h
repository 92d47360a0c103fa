#pragma once
// A file with the bytes of one input, in memory where there is a file system for that.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace bench::fuzz {

struct Scratch {
  Scratch() {
    const std::filesystem::path memory = "/dev/shm";
    const auto top =
        std::filesystem::exists(memory) ? memory : std::filesystem::temp_directory_path();
    std::string pattern = (top / "bench-fuzz-XXXXXX").string();
    if (!mkdtemp(pattern.data())) std::abort();
    folder = pattern;
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::string write(const std::string& name, const std::string& bytes) const {
    const auto file = (folder / name).string();
    std::ofstream(file, std::ios::binary) << bytes;
    return file;
  }
  std::filesystem::path folder;
};

}  // namespace bench::fuzz
