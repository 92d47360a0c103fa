#pragma once
#include "fuzz/limit.h"
#include "test.h"

namespace bench::test {

/// Every input of a fuzzer's committed corpus once, in the ordinary program, and how many there
/// were: nothing but bench::Error escapes, and nothing is slow (0.1 s in a release build; twenty
/// times that here, as this program may run under sanitizers).
inline size_t replay(const char* name, void (*target)(const std::string&)) {
  size_t inputs = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(root() / "tests/fuzz/corpus" / name)) {
    CAPTURE(entry.path().filename().string());
    const auto text = slurp(entry.path());
    const double start = fuzz::processor_seconds();
    CHECK_NOTHROW(target(text));
    CHECK(fuzz::processor_seconds() - start < 2);
    ++inputs;
  }
  return inputs;
}

}  // namespace bench::test
