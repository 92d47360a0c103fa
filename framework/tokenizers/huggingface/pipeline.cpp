#include "tokenizers/huggingface/pipeline.h"

#include <algorithm>
#include <unordered_map>

#include "base/error.h"
#include "base/utf8.h"

namespace bench::text {

namespace {

constexpr size_t kLongestCached = 64;     // bytes: words repeat, paragraphs do not
constexpr size_t kMostCached = 1u << 17;  // words

}  // namespace

/// One text on its way. Words repeat within a text, so their ids are kept; a cache of its own
/// keeps the tokenizer free of locks.
class Pipeline::Encoder {
 public:
  Encoder(const Pipeline& pipeline, std::vector<int64_t>& ids) : my_(pipeline), ids_(ids) {}

  void run(const std::string& text) {
    for (const auto& part : my_.raw_.split(text)) {
      if (part.id >= 0) {
        ids_.push_back(part.id);
        continue;
      }
      std::string chunk = text.substr(part.begin, part.end - part.begin);
      bool at_start = part.begin == 0;
      if (my_.parts_.normalizer) my_.parts_.normalizer->apply(chunk, at_start);
      normalized(chunk, at_start);
    }
  }

 private:
  void normalized(const std::string& text, bool at_start) {
    for (const auto& part : my_.normalized_.split(text)) {
      if (part.id >= 0) {
        ids_.push_back(part.id);
        continue;
      }
      Piece piece{text.substr(part.begin, part.end - part.begin), at_start && part.begin == 0};
      if (!my_.parts_.pre_tokenizer) {
        word(piece.text);
        continue;
      }
      std::vector<Piece> words;
      my_.parts_.pre_tokenizer->cut(std::move(piece), words);
      for (const Piece& each : words) word(each.text);
    }
  }

  void word(const std::string& text) {
    if (text.size() > kLongestCached) return my_.parts_.model->tokenize(text, ids_);
    const auto known = cache_.find(text);
    if (known != cache_.end()) {
      ids_.insert(ids_.end(), known->second.begin(), known->second.end());
      return;
    }
    std::vector<int64_t> ids;
    my_.parts_.model->tokenize(text, ids);
    ids_.insert(ids_.end(), ids.begin(), ids.end());
    if (cache_.size() < kMostCached) cache_.emplace(text, std::move(ids));
  }

  const Pipeline& my_;
  std::vector<int64_t>& ids_;
  std::unordered_map<std::string, std::vector<int64_t>> cache_;
};

Pipeline::Pipeline(PipelineParts parts, const Names& names, std::string variant, std::string hash)
    : parts_(std::move(parts)) {
  require(parts_.model != nullptr, "a pipeline has a model");
  const auto& vocabulary = parts_.model->vocabulary();
  int64_t largest = -1;  // of the added tokens so far
  std::vector<AddedToken> tokens;
  std::map<std::string, size_t> places;  // of the last entry of a token, which counts
  for (AddedToken token : parts_.added) {
    if (token.content.empty()) continue;
    const auto known = vocabulary.id(token.content);
    // Over a vocabulary with gaps the count of tokens, not the largest id, is the next id.
    const auto next = largest >= vocabulary.count() ? largest + 1 : vocabulary.count();
    const auto place = added_ids_.try_emplace(token.content, known ? *known : next).first;
    const int64_t id = place->second;
    largest = std::max(largest, id);
    if (parts_.stated_ids_bind && token.stated && *token.stated != id) {
      fail("the added token \"{}\" is stated to have id {}, but by the vocabulary it has {}",
           token.content, *token.stated, id);
    }
    // Of a token added twice the last entry counts, but where it is looked for is settled by the
    // first (added_vocabulary.rs, add_tokens).
    if (const auto before = places.find(token.content); before != places.end())
      token.normalized = tokens[before->second].normalized;
    places[token.content] = tokens.size();
    tokens.push_back(std::move(token));
  }
  for (size_t i = 0; i < tokens.size(); ++i)
    if (places.at(tokens[i].content) == i) look_for(tokens[i]);
  const auto find = [&](const std::optional<std::string>& name) {
    return name ? id(*name) : std::nullopt;
  };
  const auto all = std::max(vocabulary.size(), largest + 1);
  about_ = {all, find(names.bos), find(names.eos), std::move(variant), std::move(hash),
            {},  find(names.mask)};
  for (const auto& token : tokens)
    if (token.special) about_.special.insert(added_ids_.at(token.content));
}

void Pipeline::look_for(const AddedToken& token) {
  const int64_t id = added_ids_.at(token.content);
  std::string pattern = token.content;
  bool at_start = false;
  if (token.normalized && parts_.normalizer) parts_.normalizer->apply(pattern, at_start);
  (token.normalized ? normalized_ : raw_).add(token, pattern, id);
  added_names_[id] = parts_.decodes_normalized ? pattern : token.content;
}

void Pipeline::default_specials(std::optional<int64_t> bos, std::optional<int64_t> eos) {
  if (!about_.bos) about_.bos = bos;
  if (!about_.eos) about_.eos = eos;
}

std::optional<int64_t> Pipeline::id(const std::string& token) const {
  const auto added = added_ids_.find(token);
  return added != added_ids_.end() ? added->second : parts_.model->vocabulary().id(token);
}

const std::string* Pipeline::token(int64_t id) const {
  const auto added = added_names_.find(id);
  return added != added_names_.end() ? &added->second : parts_.model->vocabulary().token(id);
}

std::vector<int64_t> Pipeline::encode(const std::string& utf8, bool special) const {
  check_text(utf8);
  std::vector<int64_t> ids;
  if (special) ids = parts_.prefix;
  Encoder(*this, ids).run(utf8);
  if (special) ids.insert(ids.end(), parts_.suffix.begin(), parts_.suffix.end());
  return ids;
}

Tokenizer::Pair Pipeline::encode_pair(const std::string& first, const std::string& second) const {
  if (parts_.pair.empty()) return Tokenizer::encode_pair(first, second);
  Pair out;
  for (const auto& part : parts_.pair) {
    const auto ids = part.text < 0 ? std::vector<int64_t>{part.id}
                                   : encode(part.text == 0 ? first : second, false);
    out.ids.insert(out.ids.end(), ids.begin(), ids.end());
    out.types.insert(out.types.end(), ids.size(), part.type);
  }
  return out;
}

std::string Pipeline::decode(const std::vector<int64_t>& ids) const {
  std::vector<std::string> tokens;
  for (const int64_t id : ids)
    if (const std::string* name = token(id)) tokens.push_back(*name);
  if (parts_.decoder) parts_.decoder->apply(tokens);
  std::string text;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (i && !parts_.decoder) text += ' ';
    text += tokens[i];
  }
  return text;
}

}  // namespace bench::text
