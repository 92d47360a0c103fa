#pragma once
#include <string_view>
#include <vector>

#include "tokenizers/huggingface/vocabulary.h"

namespace bench::text {

/// Turns one piece of normalised text into ids (tokenizers: Model).
class Model {
 public:
  virtual ~Model() = default;
  /// Appends the ids of `piece`, which is valid UTF-8 and not empty.
  virtual void tokenize(std::string_view piece, std::vector<int64_t>& ids) const = 0;
  const Vocabulary& vocabulary() const { return vocabulary_; }

 protected:
  explicit Model(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}

 private:
  Vocabulary vocabulary_;
};

}  // namespace bench::text
