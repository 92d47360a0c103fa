#include "tokenizers/huggingface/bpe.h"

#include <algorithm>
#include <queue>

#include "base/error.h"
#include "base/utf8.h"

namespace bench::text {

namespace {

uint64_t pair_key(int64_t left, int64_t right) {
  return static_cast<uint64_t>(left) << 32 | static_cast<uint64_t>(right);
}

constexpr size_t kWorthCutting = 64;  // bytes

}  // namespace

// 32 bits each: a text has less than 2^30 bytes, and the heap of a whole document is what costs.
struct Bpe::Symbol {
  int32_t id = 0;  // -1 once merged into its left neighbour
  int32_t prev = -1, next = -1;
};

struct Bpe::Candidate {
  uint32_t rank = 0;
  int32_t position = 0, id = 0;
  bool operator<(const Candidate& other) const {  // std::priority_queue gives the greatest first
    return rank != other.rank ? rank > other.rank : position > other.position;
  }
};

class Bpe::Queue {
 public:
  Queue(const FlatMap& merges, const std::vector<Symbol>& symbols)
      : merges_(merges), symbols_(symbols) {
    std::vector<Candidate> first;
    first.reserve(symbols.size());
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      const Candidate candidate = look(static_cast<int32_t>(i));
      if (candidate.position >= 0) first.push_back(candidate);
    }
    queue_ = std::priority_queue<Candidate>({}, std::move(first));
  }

  /// What the symbol at `position` and its right neighbour become; position -1 if nothing.
  Candidate look(int32_t position) const {
    const Symbol& left = symbols_[static_cast<size_t>(position)];
    if (left.next < 0) return {0, -1, 0};
    const Symbol& right = symbols_[static_cast<size_t>(left.next)];
    const uint64_t found = merges_.find(pair_key(left.id, right.id));
    if (found == FlatMap::kNone) return {0, -1, 0};
    return {static_cast<uint32_t>(found >> 32), position,
            static_cast<int32_t>(found & 0x7FFFFFFFu)};
  }

  void push(int32_t position) {
    const Candidate candidate = look(position);
    if (candidate.position >= 0) queue_.push(candidate);
  }

  bool pop(Candidate& top) {
    if (queue_.empty()) return false;
    top = queue_.top();
    queue_.pop();
    return true;
  }

 private:
  const FlatMap& merges_;
  const std::vector<Symbol>& symbols_;
  std::priority_queue<Candidate> queue_;
};

Bpe::Bpe(Vocabulary vocabulary, const std::vector<Merge>& merges, BpeOptions options)
    : Model(std::move(vocabulary)), options_(std::move(options)) {
  if (merges.size() >= 0xFFFFFFFFu) fail("{} merges are more than a vocabulary", merges.size());
  for (size_t rank = 0; rank < merges.size(); ++rank) add_merge(merges[rank], rank);
  if (options_.unk_token) unk_ = known(*options_.unk_token, "the unknown token");
  for (size_t c = 0; c < ascii_.size(); ++c) {
    const char character = static_cast<char>(c);
    ascii_[c] = this->vocabulary().id({&character, 1}).value_or(-1);
  }
  bytes_ = byte_tokens(this->vocabulary());
}

int64_t Bpe::known(const std::string& token, const std::string& role) const {
  const auto id = vocabulary().id(token);
  if (!id)
    fail("{} \"{}\" is not in the vocabulary; the files do not belong together", role, token);
  return *id;
}

void Bpe::add_merge(const Merge& merge, size_t rank) {
  if (merge.first.empty() || merge.second.empty()) fail("a merge has an empty part");
  const int64_t left = known(merge.first, "the part of a merge");
  const int64_t right = known(merge.second, "the part of a merge");
  const int64_t whole = known(merge.first + merge.second, "the result of a merge");
  merges_.insert(pair_key(left, right),
                 static_cast<uint64_t>(rank) << 32 | static_cast<uint64_t>(whole));
  if (is_fallback(merge.first) || is_fallback(merge.second)) cuts_ = false;
  size_t first = 0, last = merge.first.size();
  do --last;
  while (last > 0 && (static_cast<unsigned char>(merge.first[last]) & 0xC0) == 0x80);
  joints_.add(next_code_point(merge.first, last), next_code_point(merge.second, first));
}

bool Bpe::is_fallback(std::string_view token) const {
  return byte_of_token(token).has_value() || (options_.unk_token && token == *options_.unk_token);
}

int64_t Bpe::id_of_char(std::string_view character) const {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1 && first < ascii_.size()) return ascii_[first];
  return vocabulary().id(character).value_or(-1);
}

bool Bpe::add_bytes(std::string_view character, std::vector<int64_t>& ids) const {
  const auto id = [&](char c) { return bytes_[static_cast<unsigned char>(c)]; };
  if (!std::all_of(character.begin(), character.end(), [&](char c) { return id(c) >= 0; }))
    return false;
  for (const char c : character) ids.push_back(id(c));
  return true;
}

void Bpe::add_chars(std::string_view piece, std::vector<int64_t>& ids) const {
  // An unknown id waits until a known character follows: with fuse_unk more may join it. Bytes do
  // not flush it (models/bpe/model.rs does the same), so they may come before it.
  bool waiting = false;
  const auto flush = [&] {
    if (waiting) ids.push_back(unk_);
    waiting = false;
  };
  for (size_t at = 0; at < piece.size();) {
    const auto character = piece.substr(at, char_length(piece[at]));
    at += character.size();
    const int64_t id = id_of_char(character);
    if (id >= 0) {
      flush();
      ids.push_back(id);
    } else if (options_.byte_fallback && add_bytes(character, ids)) {
      continue;
    } else if (unk_ >= 0) {
      if (!options_.fuse_unk) flush();
      waiting = true;
    }
  }
  flush();
}

void Bpe::merge_all(std::vector<int64_t>& ids) const {
  std::vector<Symbol> symbols(ids.size());
  const auto count = static_cast<int32_t>(ids.size());
  for (int32_t i = 0; i < count; ++i) {
    const auto at = static_cast<size_t>(i);
    symbols[at] = {static_cast<int32_t>(ids[at]), i - 1, i + 1 < count ? i + 1 : -1};
  }
  Queue queue(merges_, symbols);
  for (Candidate top; queue.pop(top);) {
    Symbol& left = symbols[static_cast<size_t>(top.position)];
    if (left.id < 0 || left.next < 0) continue;
    // A candidate is stale once its pair has changed. tokenizers compares the result only, so a
    // pair that came to spell the same token meanwhile is merged at the older rank.
    const Candidate now = queue.look(top.position);
    if (now.position < 0 || now.id != top.id) continue;
    Symbol& right = symbols[static_cast<size_t>(left.next)];
    left.id = top.id;
    left.next = right.next;
    right.id = -1;
    if (right.next >= 0) symbols[static_cast<size_t>(right.next)].prev = top.position;
    if (left.prev >= 0) queue.push(left.prev);
    queue.push(top.position);
  }
  ids.clear();
  for (const Symbol& symbol : symbols)
    if (symbol.id >= 0) ids.push_back(symbol.id);
}

void Bpe::tokenize(std::string_view piece, std::vector<int64_t>& ids) const {
  if (options_.ignore_merges) {
    if (const auto whole = vocabulary().id(piece)) {
      ids.push_back(*whole);
      return;
    }
  }
  if (!cuts_ || piece.size() < kWorthCutting) return tokenize_part(piece, ids);
  PartCache<std::pair<size_t, size_t>> seen;  // where in ids the part was put before
  const auto known = [&](std::string_view left, std::string_view right) {
    // Unknown characters may join their neighbours without a merge.
    return id_of_char(left) >= 0 && id_of_char(right) >= 0;
  };
  joints_.parts(piece, known, [&](std::string_view part) {
    const auto [place, is_new] = seen.try_emplace(part, ids.size(), 0);
    auto& [begin, count] = place->second;
    if (is_new) {
      tokenize_part(part, ids);
      count = ids.size() - begin;
    } else {
      for (size_t i = 0; i < count; ++i) ids.push_back(ids[begin + i]);
    }
  });
}

void Bpe::tokenize_part(std::string_view part, std::vector<int64_t>& ids) const {
  std::vector<int64_t> symbols;
  symbols.reserve(part.size());
  add_chars(part, symbols);
  merge_all(symbols);
  ids.insert(ids.end(), symbols.begin(), symbols.end());
}

Merge merge_of_line(std::string_view line) {
  const size_t blank = line.find(' ');
  if (blank == std::string_view::npos || line.find(' ', blank + 1) != std::string_view::npos) {
    fail("the merge \"{}\" is not two parts with a blank between them", line);
  }
  return {std::string(line.substr(0, blank)), std::string(line.substr(blank + 1))};
}

}  // namespace bench::text
