#pragma once
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "tokenizers/huggingface/flat_map.h"
#include "tokenizers/sentencepiece/joints.h"
#include "tokenizers/huggingface/model.h"

namespace bench::text {

using Merge = std::pair<std::string, std::string>;

struct BpeOptions {
  std::optional<std::string> unk_token;  ///< none: characters outside the vocabulary vanish
  bool fuse_unk = false;                 ///< neighbouring unknown characters give one id
  bool byte_fallback = false;            ///< unknown characters become <0xNN> where all exist
  bool ignore_merges = false;            ///< a piece that is a token is taken whole
};

/// Byte-pair encoding as huggingface/tokenizers does it (models/bpe): starting from characters, the
/// pair with the lowest rank is merged first, the leftmost of equals. O(n log n) in the piece.
class Bpe : public Model {
 public:
  /// Merges in order of rank. A merge of or into what is no token is an Error.
  Bpe(Vocabulary vocabulary, const std::vector<Merge>& merges, BpeOptions options);
  void tokenize(std::string_view piece, std::vector<int64_t>& ids) const override;

 private:
  struct Symbol;
  struct Candidate;
  class Queue;
  void add_merge(const Merge& merge, size_t rank);
  int64_t known(const std::string& token, const std::string& role) const;
  int64_t id_of_char(std::string_view character) const;
  bool add_bytes(std::string_view character, std::vector<int64_t>& ids) const;
  void add_chars(std::string_view piece, std::vector<int64_t>& ids) const;
  void merge_all(std::vector<int64_t>& ids) const;
  void tokenize_part(std::string_view part, std::vector<int64_t>& ids) const;
  bool is_fallback(std::string_view token) const;

  BpeOptions options_;
  int64_t unk_ = -1;
  bool cuts_ = true;  // no merge has to do with byte or unknown tokens
  Joints joints_;
  FlatMap merges_;                  // two ids -> rank and new id
  std::array<int64_t, 128> ascii_;  // ids of the one-byte characters, -1: none
  std::vector<int64_t> bytes_;
};

/// "a b" lines of merges.txt, GGUF or an old tokenizer.json. Anything but two parts is an Error.
Merge merge_of_line(std::string_view line);

}  // namespace bench::text
