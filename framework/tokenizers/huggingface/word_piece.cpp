#include "tokenizers/huggingface/word_piece.h"

#include "base/error.h"
#include "base/utf8.h"

namespace bench::text {

WordPiece::WordPiece(Vocabulary vocabulary, WordOptions options, const std::string& where)
    : Model(std::move(vocabulary)), options_(std::move(options)) {
  const auto unk = this->vocabulary().id(options_.unk_token);
  if (!unk) fail("{}: the vocabulary lacks its unknown token {}", where, options_.unk_token);
  unk_ = *unk;
}

void WordPiece::tokenize(std::string_view piece, std::vector<int64_t>& ids) const {
  if (!options_.pieces) {
    ids.push_back(vocabulary().id(piece).value_or(unk_));
    return;
  }
  if (static_cast<int64_t>(count_chars(piece)) > options_.longest) {
    ids.push_back(unk_);
    return;
  }
  const size_t before = ids.size();
  std::string candidate;
  for (size_t begin = 0; begin < piece.size();) {
    size_t end = piece.size();
    std::optional<int64_t> found;
    while (end > begin) {
      candidate.assign(begin > 0 ? options_.prefix : "");
      candidate += piece.substr(begin, end - begin);
      if ((found = vocabulary().id(candidate))) break;
      --end;  // back by one character
      while (end > begin && (static_cast<unsigned char>(piece[end]) & 0xC0) == 0x80) --end;
    }
    if (!found) {
      ids.resize(before);
      ids.push_back(unk_);
      return;
    }
    ids.push_back(*found);
    begin = end;
  }
}

}  // namespace bench::text
