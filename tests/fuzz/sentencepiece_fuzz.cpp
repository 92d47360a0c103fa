#include <cstddef>
#include <cstdint>

#include "tokenizer_targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bench::fuzz::sentencepiece_bytes(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
