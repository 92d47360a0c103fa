#include "tokenizers/sentencepiece/sentencepiece.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "tokenizers/json_file.h"
#include "base/utf8.h"

namespace bench::text {

namespace {

using Model = SentencePieceModel;

std::vector<std::string> names(const Model& model) {
  std::vector<std::string> tokens;
  tokens.reserve(model.pieces.size());
  for (const auto& piece : model.pieces) tokens.push_back(piece.text);
  return tokens;
}

}  // namespace

SentencePiece::SentencePiece(SentencePieceModel model, const std::string& file)
    : model_(std::move(model)), vocabulary_(names(model_)) {
  if (!model_.charsmap.empty()) charsmap_.emplace(model_.charsmap, file);
  bytes_ = byte_tokens(vocabulary_);
  const bool all_bytes = std::all_of(bytes_.begin(), bytes_.end(), [&](int64_t id) {
    return id >= 0 && type(id) == Model::kByte;
  });
  if (model_.byte_fallback && !all_bytes) fail("{} lacks a piece <0x00> to <0xFF>", file);
  least_ = std::numeric_limits<float>::max();
  for (size_t i = 0; i < model_.pieces.size(); ++i) {
    const auto& piece = model_.pieces[i];
    const auto id = static_cast<int32_t>(i);
    if (piece.type == Model::kUnknown) unk_ = id;
    if (piece.type == Model::kUserDefined) user_defined_.insert(piece.text, id);
    if (piece.type == Model::kNormal) least_ = std::min(least_, piece.score);
    const bool can_occur = piece.type == Model::kNormal || piece.type == Model::kUserDefined ||
                           piece.type == Model::kUnused;
    if (can_occur && model_.kind == Model::kUnigram) pieces_.insert(piece.text, id);
    if (can_occur && model_.kind == Model::kBpe) joints_.add_all(piece.text);
  }
}

std::optional<int64_t> SentencePiece::control(std::string_view piece) const {
  const auto id = vocabulary_.id(piece);
  if (!id || type(*id) != Model::kControl) return std::nullopt;
  return id;
}

size_t SentencePiece::user_defined(std::string_view text) const {
  size_t longest = 0;
  if (!user_defined_.empty()) {
    user_defined_.prefixes(text, [&](size_t length, int32_t) { longest = length; });
  }
  return longest;
}

SentencePiece::Prefix SentencePiece::normalize_prefix(std::string_view text) const {
  if (const size_t length = user_defined(text)) return {text.substr(0, length), length};
  if (charsmap_) {
    if (const auto rule = charsmap_->longest(text)) return {rule->text, rule->length};
  }
  const size_t length = char_length(text.front());
  return {text.substr(0, length), length};
}

size_t SentencePiece::skip_blanks(std::string_view text) const {
  size_t at = 0;
  while (at < text.size()) {
    const Prefix prefix = normalize_prefix(text.substr(at));
    if (prefix.text != " ") break;
    at += prefix.length;
  }
  return at;
}

std::string SentencePiece::normalize(std::string_view text) const {
  const bool collapse = model_.remove_extra_whitespaces;
  const std::string_view blank = model_.escape_whitespaces ? kBlank : std::string_view(" ");
  std::string out;
  out.reserve(text.size() + text.size() / 2);
  const size_t whole = text.size();
  if (collapse) text.remove_prefix(skip_blanks(text));
  if (text.empty()) return out;
  if (model_.add_dummy_prefix) out += blank;
  bool after_blank = collapse;
  while (!text.empty()) {
    const Prefix prefix = normalize_prefix(text);
    std::string_view part = prefix.text;
    while (after_blank && part.starts_with(' ')) part.remove_prefix(1);
    for (const char c : part) {
      if (c == ' ') {
        out += blank;
      } else {
        out += c;
      }
    }
    check_growth(out.size(), whole);
    if (!part.empty()) after_blank = collapse && part.ends_with(' ');
    text.remove_prefix(prefix.length);
  }
  while (collapse && out.ends_with(blank)) out.resize(out.size() - blank.size());
  return out;
}

std::vector<SentencePiece::Part> SentencePiece::unigram(std::string_view text) const {
  struct Node {
    float score = 0;
    size_t begin = std::string_view::npos;
    int64_t id = -1;
  };
  // In float throughout, as in unigram_model.cc (EncodeOptimized): ties are broken by rounding.
  const float unknown = least_ - 10.0f;
  std::vector<Node> best(text.size() + 1);
  for (size_t begin = 0; begin < text.size();) {
    const float here = best[begin].score;
    const size_t single = std::min(char_length(text[begin]), text.size() - begin);
    bool has_single = false;
    const auto reach = [&](size_t length, float score, int64_t id) {
      Node& node = best[begin + length];
      const float sum = score + here;
      if (node.begin == std::string_view::npos || sum > node.score) node = {sum, begin, id};
    };
    pieces_.prefixes(text.substr(begin), [&](size_t length, int32_t id) {
      if (type(id) == Model::kUnused) return;
      // A user-defined piece always wins. The bonus is that of version 0.2.3, found by its ties.
      const float bonus = static_cast<float>(0.1 * static_cast<double>(length - 1));
      reach(length, type(id) == Model::kUserDefined ? bonus : score(id), id);
      has_single = has_single || length == single;
    });
    if (!has_single) reach(single, unknown, unk_);
    begin += single;
  }
  std::vector<Part> parts;
  for (size_t end = text.size(); end > 0; end = best[end].begin) {
    const Node& node = best[end];
    parts.push_back({text.substr(node.begin, end - node.begin), node.id});
  }
  std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<int64_t> SentencePiece::encode(std::string_view text) const {
  const std::string normalized = normalize(text);
  std::vector<int64_t> ids;
  bool after_unknown = false;
  for (const Part& part : model_.kind == Model::kBpe ? bpe(normalized) : unigram(normalized)) {
    const bool unknown = part.id == unk_;
    if (unknown && model_.byte_fallback) {
      for (const char c : part.text) ids.push_back(bytes_[static_cast<unsigned char>(c)]);
    } else if (!unknown || !after_unknown) {  // neighbouring unknown pieces are one
      ids.push_back(part.id);
    }
    after_unknown = unknown;
  }
  return ids;
}

std::string SentencePiece::surface(std::string_view piece, int64_t id, bool at_start,
                                   bool& took_blank) const {
  took_blank = false;
  if (type(id) == Model::kControl) return "";
  if (id == unk_) {
    return piece == model_.pieces[static_cast<size_t>(id)].text ? model_.unk_surface
                                                                : std::string(piece);
  }
  if (at_start && (model_.add_dummy_prefix || model_.remove_extra_whitespaces)) {
    took_blank = piece.starts_with(kBlank);
    if (took_blank) piece.remove_prefix(kBlank.size());
    if (model_.remove_extra_whitespaces) took_blank = false;  // then all leading blanks go
  }
  std::string text;
  for (size_t at = 0; at < piece.size();) {
    const bool blank = piece.substr(at).starts_with(kBlank);
    text += blank ? ' ' : piece[at];
    at += blank ? kBlank.size() : 1;
  }
  return text;
}

std::string SentencePiece::decode(const std::vector<std::string>& pieces) const {
  std::string text, bytes;
  // A byte that is in no character is one U+FFFD each, unlike in lossy_utf8().
  const auto flush = [&] {
    for (size_t at = 0; at < bytes.size();) {
      const size_t length = std::min(char_length(bytes[at]), bytes.size() - at);
      const std::string_view character = std::string_view(bytes).substr(at, length);
      const bool good = invalid_utf8(character) == std::string_view::npos;
      text += good ? character : kReplacement;
      at += good ? length : 1;
    }
    bytes.clear();
  };
  bool at_start = true, took_blank = false;
  for (const std::string& piece : pieces) {
    const int64_t id = piece_to_id(piece);
    if (type(id) == Model::kByte) {
      bytes += byte_of_token(piece).value_or('?');
      continue;
    }
    flush();
    if (took_blank || !text.empty()) at_start = false;
    text += surface(piece, id, at_start, took_blank);
  }
  flush();
  return text;
}

}  // namespace bench::text
