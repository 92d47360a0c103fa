#pragma once
#include <string>

#include "tokenizers/huggingface/model.h"

namespace bench::text {

struct WordOptions {
  std::string unk_token;
  std::string prefix = "##";  ///< of what goes on within a word
  int64_t longest = 100;      ///< a word of more characters is unknown
  bool pieces = true;         ///< false: whole words alone (WordLevel)
};

/// The longest token that a word begins with, again and again; a word that cannot be cut so is
/// unknown as a whole (tokenizers: models/wordpiece).
class WordPiece : public Model {
 public:
  /// The vocabulary must hold the unknown token.
  WordPiece(Vocabulary vocabulary, WordOptions options, const std::string& where);
  void tokenize(std::string_view piece, std::vector<int64_t>& ids) const override;

 private:
  WordOptions options_;
  int64_t unk_ = 0;
};

}  // namespace bench::text
