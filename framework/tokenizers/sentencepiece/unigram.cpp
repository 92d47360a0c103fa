#include "tokenizers/sentencepiece/unigram.h"

#include <algorithm>

#include "base/error.h"
#include "base/utf8.h"

namespace bench::text {

namespace {

std::vector<std::string> names(const std::vector<std::pair<std::string, double>>& pieces) {
  std::vector<std::string> tokens;
  tokens.reserve(pieces.size());
  for (const auto& [token, score] : pieces) tokens.push_back(token);
  return tokens;
}

}  // namespace

/// The best way to reach an offset.
struct Unigram::Node {
  double score = 0;
  size_t begin = std::string_view::npos;
  int64_t id = -1;
};

Unigram::Unigram(std::vector<std::pair<std::string, double>> pieces, std::optional<int64_t> unk,
                 bool byte_fallback)
    : Model(Vocabulary(names(pieces))), unk_(unk), byte_fallback_(byte_fallback) {
  if (pieces.empty()) fail("a Unigram vocabulary is empty; give it at least its unknown token");
  if (unk_ && (*unk_ < 0 || *unk_ >= vocabulary().size())) {
    fail("unk_id {} of a Unigram vocabulary of {} tokens does not exist", *unk_, pieces.size());
  }
  double least = pieces.front().second;
  for (const auto& [token, score] : pieces) {
    trie_.insert(token, static_cast<int32_t>(scores_.size()));
    scores_.push_back(score);
    least = std::min(least, score);
  }
  unk_score_ = least - 10;
  bytes_ = byte_tokens(vocabulary());
}

int64_t Unigram::unknown(std::string_view part) const {
  if (!unk_) {
    fail("\"{}\" is in no token and the Unigram vocabulary has no unk_id; add one",
         part.substr(0, 32));
  }
  return *unk_;
}

std::vector<Unigram::Node> Unigram::best_path(std::string_view piece) const {
  std::vector<Node> best(piece.size() + 1);
  for (size_t begin = 0; begin < piece.size();) {
    const double here = best[begin].score;
    const size_t single = std::min(char_length(piece[begin]), piece.size() - begin);
    bool has_single = false;
    const auto reach = [&](size_t length, double score, int64_t id) {
      Node& node = best[begin + length];
      if (node.begin == std::string_view::npos || score > node.score) node = {score, begin, id};
    };
    trie_.prefixes(piece.substr(begin), [&](size_t length, int32_t id) {
      reach(length, scores_[static_cast<size_t>(id)] + here, id);
      has_single = has_single || length == single;
    });
    if (!has_single) reach(single, unk_score_ + here, unknown(piece.substr(begin, single)));
    begin += single;
  }
  return best;
}

void Unigram::add(std::string_view part, std::vector<int64_t>& ids) const {
  if (const auto id = vocabulary().id(part)) return ids.push_back(*id);
  const auto byte = [&](char c) { return bytes_[static_cast<unsigned char>(c)]; };
  const bool all = std::all_of(part.begin(), part.end(), [&](char c) { return byte(c) >= 0; });
  if (!byte_fallback_ || !all) return ids.push_back(unknown(part));
  for (const char c : part) ids.push_back(byte(c));
}

void Unigram::tokenize(std::string_view piece, std::vector<int64_t>& ids) const {
  const std::vector<Node> best = best_path(piece);
  std::vector<std::string_view> parts;  // from the end; neighbouring unknown ones are one
  bool joins = false;
  for (size_t end = piece.size(); end > 0;) {
    const Node& node = best[end];
    const auto part = piece.substr(node.begin, end - node.begin);
    const bool unknown = unk_ && node.id == *unk_;
    if (unknown && joins) {
      parts.back() = piece.substr(node.begin, part.size() + parts.back().size());
    } else {
      parts.push_back(part);
    }
    joins = unknown;
    end = node.begin;
  }
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) add(*part, ids);
}

}  // namespace bench::text
