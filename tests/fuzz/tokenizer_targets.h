#pragma once
// Tokenizers from any bytes: a file is refused with bench::Error, or it encodes and decodes.
#include "base/error.h"
#include "scratch.h"
#include "tokenizers/tokenizer.h"

namespace bench::fuzz {

/// Texts that reach blanks, bytes, scripts, combining characters, special tokens and the cache.
inline void use(const Tokenizer& t) {
  static const std::string kTexts[] = {
      "",
      " ",
      "Hello  world",
      "a b\n\tab aab 12 345,",
      "<s>x</s> <unk>\xE2\x96\x81y",
      "e\xCC\x81 \xC3\xA9 \xEF\xB7\xBA \xE4\xB8\xAD\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x92\xBB",
      std::string("a\0b", 3)};
  for (const auto& text : kTexts) {
    try {
      for (const bool special : {false, true}) t.decode(t.encode(text, special));
    } catch (const Error&) {
    }
  }
  try {
    t.decode({-1, 0, 1, 2, 3, 255, 256, t.vocab_size() - 1, t.vocab_size(), INT64_MAX});
  } catch (const Error&) {
  }
}

inline void load(const std::string& file, const std::string& variant) {
  try {
    use(*load_tokenizer(file, variant));
  } catch (const Error&) {
  }
}

inline void tokenizer_bytes(const std::string& bytes) {
  static const Scratch scratch;
  const auto file = scratch.write("tokenizer.json", bytes);
  load(file, "json");
  load(file, "hf5");
}

inline void sentencepiece_bytes(const std::string& bytes) {
  static const Scratch scratch;
  const auto file = scratch.write("tokenizer.model", bytes);
  for (const char* variant : {"spm", "slow4", "fast4", "hf5"}) load(file, variant);
}

}  // namespace bench::fuzz
