#pragma once
// Files of tensors from any bytes: refused with bench::Error, or every tensor can be read whole.
#include "base/error.h"
#include "formats/gguf.h"
#include "formats/safetensors.h"
#include "formats/torch_file.h"
#include "tokenizer_targets.h"

namespace bench::fuzz {

/// Reads every byte, as the sanitizers see it.
inline void touch(const TensorMap& tensors) {
  unsigned sum = 0;
  for (const auto& [name, t] : tensors) {
    const auto* bytes = static_cast<const unsigned char*>(t.const_data_ptr());
    for (size_t i = 0; i < t.nbytes(); ++i) sum += bytes[i];
  }
  volatile unsigned kept = sum;
  static_cast<void>(kept);
}

inline void safetensors_bytes(const std::string& bytes) {
  static const Scratch scratch;
  const auto file = scratch.write("x.safetensors", bytes);
  try {
    touch(read_safetensors(file));
    read_safetensors_metadata(file);
  } catch (const Error&) {
  }
}

inline void torch_file_bytes(const std::string& bytes) {
  static const Scratch scratch;
  const auto file = scratch.write("x.pth", bytes);
  try {
    touch(read_torch_file(file));
  } catch (const Error&) {
  }
}

inline void gguf_bytes(const std::string& bytes) {
  static const Scratch scratch;
  const auto file = scratch.write("x.gguf", bytes);
  try {
    auto gguf = read_gguf(file);
    touch(gguf.tensors);
    use(*make_gguf_tokenizer(std::move(gguf.vocabulary)));
  } catch (const Error&) {
  }
}

}  // namespace bench::fuzz
