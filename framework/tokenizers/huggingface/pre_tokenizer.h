#pragma once
#include <memory>
#include <string>
#include <vector>

#include "tokenizers/json_file.h"

namespace bench::text {

/// A piece of normalised text, within which the model looks for tokens.
struct Piece {
  std::string text;
  bool at_start = false;  ///< starts where the whole input does
};

/// Cuts pieces into smaller ones (tokenizers: PreTokenizer).
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  /// Appends what `piece`, which is not empty, is cut into; no empty ones.
  virtual void cut(Piece piece, std::vector<Piece>& out) const = 0;
};

/// From the "pre_tokenizer" of a tokenizer.json; null for null. Other types are an Error.
std::unique_ptr<PreTokenizer> make_pre_tokenizer(const Json& spec, const std::string& where);

}  // namespace bench::text
