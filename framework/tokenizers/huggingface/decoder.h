#pragma once
#include <memory>
#include <string>
#include <vector>

#include "tokenizers/json_file.h"

namespace bench::text {

/// Turns tokens back into text, step by step (tokenizers: Decoder, decode_chain).
class Decoder {
 public:
  virtual ~Decoder() = default;
  virtual void apply(std::vector<std::string>& tokens) const = 0;
};

/// From the "decoder" of a tokenizer.json; null for null. Other types are an Error.
std::unique_ptr<Decoder> make_decoder(const Json& spec, const std::string& where);

}  // namespace bench::text
