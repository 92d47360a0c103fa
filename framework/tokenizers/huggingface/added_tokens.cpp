#include "tokenizers/huggingface/added_tokens.h"

#include <algorithm>

#include "base/utf8.h"

namespace bench::text {

namespace {

/// The code point that ends at `end`.
uint32_t code_before(std::string_view text, size_t end) {
  size_t at = end - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return next_code_point(text, at);
}

size_t blanks_before(std::string_view text, size_t end) {
  while (end > 0 && is_white_space(code_before(text, end))) {
    do --end;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80);
  }
  return end;
}

size_t blanks_behind(std::string_view text, size_t at) {
  while (at < text.size()) {
    size_t next = at;
    if (!is_white_space(next_code_point(text, next))) break;
    at = next;
  }
  return at;
}

}  // namespace

AddedToken added_token_from_json(const Json& spec, const std::string& where) {
  AddedToken token;
  token.content = get_string(spec, "content", where);
  token.special = get_bool(spec, "special", false, where);
  token.normalized = get_bool(spec, "normalized", !token.special, where);
  token.lstrip = get_bool(spec, "lstrip", false, where);
  token.rstrip = get_bool(spec, "rstrip", false, where);
  token.single_word = get_bool(spec, "single_word", false, where);
  return token;
}

void TokenFinder::add(AddedToken token, const std::string& pattern, int64_t id) {
  if (pattern.empty()) return;
  trie_.insert(pattern, static_cast<int32_t>(entries_.size()));
  starts_[static_cast<unsigned char>(pattern[0])] = true;
  entries_.push_back({std::move(token), id});
}

bool TokenFinder::find(std::string_view text, size_t from, size_t& begin, size_t& end,
                       size_t& entry) const {
  for (begin = from; begin < text.size(); ++begin) {
    if (!starts_[static_cast<unsigned char>(text[begin])]) continue;
    size_t longest = 0;
    trie_.prefixes(text.substr(begin), [&](size_t length, int32_t value) {
      longest = length;
      entry = static_cast<size_t>(value);
    });
    end = begin + longest;
    if (longest > 0) return true;
  }
  return false;
}

bool TokenFinder::stands_alone(std::string_view text, size_t begin, size_t end) {
  size_t behind = end;
  const bool left = begin == 0 || !is_word(code_before(text, begin));
  return left && (end == text.size() || !is_word(next_code_point(text, behind)));
}

std::vector<TokenFinder::Part> TokenFinder::split(std::string_view text) const {
  std::vector<Part> parts;
  size_t done = 0, begin = 0, end = 0, entry = 0;
  for (size_t from = 0; !entries_.empty() && find(text, from, begin, end, entry);) {
    const auto& [token, id] = entries_[entry];
    from = end;
    if (token.single_word && !stands_alone(text, begin, end)) continue;
    // A token may lie within the blanks that the one before has taken. tokenizers
    // (added_vocabulary.rs, find_matches) gives it all the same, unless it must start behind them.
    if (token.lstrip) begin = std::max(blanks_before(text, begin), done);
    if (token.rstrip) end = blanks_behind(text, end);
    if (begin > done) parts.push_back({done, begin, -1});
    if (begin < end) parts.push_back({begin, end, id});
    done = end;
  }
  if (done < text.size()) parts.push_back({done, text.size(), -1});
  return parts;
}

}  // namespace bench::text
