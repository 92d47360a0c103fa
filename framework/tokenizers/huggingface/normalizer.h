#pragma once
#include <memory>
#include <string>

#include "tokenizers/json_file.h"

namespace bench::text {

/// Changes the text before it is cut (tokenizers: Normalizer).
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  /// `at_start`: the text starts where the whole input does. It becomes false when what it starts
  /// with is removed, since tokenizers' Metaspace looks at the offset in the input.
  virtual void apply(std::string& text, bool& at_start) const = 0;
};

/// From the "normalizer" of a tokenizer.json; null for null. Other types are an Error.
std::unique_ptr<Normalizer> make_normalizer(const Json& spec, const std::string& where);

}  // namespace bench::text
