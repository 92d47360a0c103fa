#pragma once
#include "tokenizers/huggingface/model.h"
#include "tokenizers/sentencepiece/trie.h"

namespace bench::text {

/// Unigram as huggingface/tokenizers does it (models/unigram): the segmentation with the highest
/// sum of scores; a character that no token covers costs 10 more than the worst token.
class Unigram : public Model {
 public:
  Unigram(std::vector<std::pair<std::string, double>> pieces, std::optional<int64_t> unk,
          bool byte_fallback);
  void tokenize(std::string_view piece, std::vector<int64_t>& ids) const override;

 private:
  struct Node;
  std::vector<Node> best_path(std::string_view piece) const;
  void add(std::string_view part, std::vector<int64_t>& ids) const;
  int64_t unknown(std::string_view part) const;

  std::vector<double> scores_;
  std::optional<int64_t> unk_;
  double unk_score_ = 0;
  bool byte_fallback_ = false;
  std::vector<int64_t> bytes_;
  Trie trie_;
};

}  // namespace bench::text
