#pragma once
// LibTorch defines CHECK. Included after Catch2 it silently replaces Catch2's, and a run then says
// "All tests passed" with no assertion: so LibTorch first, undefine, then Catch2.
#ifdef BENCH_ENGINE
#include "tensor/tensor.h"
#undef CHECK
#endif
#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_test_macros.hpp>  // Catch2 v3: Debian 13, Ubuntu 24.04
#else
#include <catch2/catch.hpp>  // Catch2 v2: Debian 12
#endif

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace bench::test {

/// What a call throws, as text; "" if it throws nothing.
template <class F>
std::string error_of(F&& call) {
  try {
    call();
    return "";
  } catch (const std::exception& e) {
    return e.what();
  }
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// The repository root (BENCH_ROOT is defined by the build).
inline std::filesystem::path root() {
  return BENCH_ROOT;
}

/// The folder of recorded results beside the checkout, empty where there is none. Tests that need
/// it are tagged [shared] and call SKIP_WITHOUT_SHARED first.
inline std::filesystem::path shared() {
  const char* env = std::getenv("BENCH_SHARED");
  const std::filesystem::path folder = env ? env : root() / ".." / "shared";
  return std::filesystem::exists(folder / "golden") ? std::filesystem::canonical(folder)
                                                    : std::filesystem::path();
}

inline std::string slurp(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

/// A fresh folder that is removed at the end of the scope.
struct TempDir {
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "bench-XXXXXX").string();
    if (!mkdtemp(pattern.data())) std::abort();
    path = pattern;
  }
  ~TempDir() { std::filesystem::remove_all(path); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::filesystem::path path;
};

}  // namespace bench::test

#define SKIP_WITHOUT_SHARED()                                                   \
  if (bench::test::shared().empty()) {                                          \
    WARN("skipped: the folder of recorded results (BENCH_SHARED) is not here"); \
    SUCCEED();                                                                  \
    return;                                                                     \
  }
