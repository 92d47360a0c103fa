#include <cstddef>
#include <cstdint>

#include "reader_targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bench::fuzz::torch_file_bytes(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
