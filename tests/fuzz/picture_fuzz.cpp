#include <cstddef>
#include <cstdint>

#include "picture_targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bench::fuzz::picture_bytes(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
