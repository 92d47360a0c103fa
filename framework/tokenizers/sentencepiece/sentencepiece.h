#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizers/sentencepiece/charsmap.h"
#include "tokenizers/sentencepiece/joints.h"
#include "tokenizers/sentencepiece/sentencepiece_model.h"
#include "tokenizers/sentencepiece/trie.h"
#include "tokenizers/huggingface/vocabulary.h"

namespace bench::text {

/// sentencepiece's own encoder and decoder (google/sentencepiece, src/*.cc, version 0.2).
class SentencePiece {
 public:
  /// `file` names the model in errors.
  SentencePiece(SentencePieceModel model, const std::string& file);

  std::vector<int64_t> encode(std::string_view text) const;
  /// Pieces that are no token stand for themselves, as in sentencepiece.
  std::string decode(const std::vector<std::string>& pieces) const;

  /// The text as the segmentation sees it.
  std::string normalize(std::string_view text) const;

  const Vocabulary& vocabulary() const { return vocabulary_; }
  const SentencePieceModel& model() const { return model_; }
  int64_t unk() const { return unk_; }
  int64_t piece_to_id(std::string_view piece) const { return vocabulary_.id(piece).value_or(unk_); }
  /// The id of a control piece; none if it is no such piece.
  std::optional<int64_t> control(std::string_view piece) const;

 private:
  struct Part {
    std::string_view text;
    int64_t id = 0;
  };
  struct Prefix {
    std::string_view text;
    size_t length = 0;
  };
  friend class SpmMerger;
  Prefix normalize_prefix(std::string_view text) const;
  size_t skip_blanks(std::string_view text) const;
  size_t user_defined(std::string_view text) const;
  std::vector<Part> unigram(std::string_view normalized) const;
  std::vector<Part> bpe(std::string_view normalized) const;
  int type(int64_t id) const { return model_.pieces[static_cast<size_t>(id)].type; }
  float score(int64_t id) const { return model_.pieces[static_cast<size_t>(id)].score; }
  std::string surface(std::string_view piece, int64_t id, bool at_start, bool& took_blank) const;

  SentencePieceModel model_;
  Vocabulary vocabulary_;
  std::optional<Charsmap> charsmap_;
  Trie user_defined_, pieces_;
  Joints joints_;  // of bpe
  std::vector<int64_t> bytes_;
  int64_t unk_ = 0;
  float least_ = 0;  // score of the normal pieces
};

}  // namespace bench::text
