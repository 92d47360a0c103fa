#include <cstddef>
#include <cstdint>

#include "task_targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bench::fuzz::task_text(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
