#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include "formats/safetensors.h"
#include "tokenizers/tokenizer.h"

namespace bench {

/// A GGUF file (version 2 or 3, little-endian) as the checkpoint that Hugging Face would hold:
/// config keys, state-dict names, rows of q and k back in Hugging Face order, weights dequantised
/// to float32. Types: F32, F16, BF16, Q4_0, Q4_1, Q8_0; architecture llama. Others are an Error
/// that names them.
struct Gguf {
  nlohmann::json config;
  TensorMap tensors;
  BpeVocabulary vocabulary;
};
Gguf read_gguf(const std::string& path);

}  // namespace bench
