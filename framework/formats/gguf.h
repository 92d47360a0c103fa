#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include "formats/safetensors.h"
#include "tokenizers/tokenizer.h"

namespace bench {

/// A GGUF file (version 2 or 3, little-endian) as the checkpoint that Hugging Face would hold:
/// config keys, state-dict names, rows of q and k back in Hugging Face order, weights dequantised
/// to float32. Types: those of gguf_blocks.h; architecture llama. Every key llama.* is obeyed or
/// refused by name, and every tensor is read: rope_freqs as factors of the rotary embedding.
struct Gguf {
  nlohmann::json config;
  TensorMap tensors;
  BpeVocabulary vocabulary;
};
Gguf read_gguf(const std::string& path);

}  // namespace bench
