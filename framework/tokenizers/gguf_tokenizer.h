#pragma once
#include <string>

#include "tokenizers/tokenizer.h"

namespace bench {

/// The tokenizer of a GGUF file as Hugging Face writes it: tokenizer.json and
/// tokenizer_config.json.
std::string gguf_tokenizer_json(const BpeVocabulary& vocabulary);
std::string gguf_tokenizer_config(const BpeVocabulary& vocabulary);

}  // namespace bench
