#include <cstddef>
#include <cstdint>

#include "limit.h"
#include "targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const bench::fuzz::TimeLimit limit;
  bench::fuzz::yaml_text(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
