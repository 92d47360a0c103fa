#include <queue>
#include <unordered_map>

#include "tokenizers/sentencepiece/sentencepiece.h"
#include "base/utf8.h"

namespace bench::text {

namespace {

struct Symbol {
  std::string_view text;  // empty once merged into its left neighbour
  int64_t prev = -1, next = -1;
  bool frozen = false;  // a user-defined symbol is never merged
};

struct Candidate {
  float score = 0;
  int64_t left = 0, right = 0;
  size_t size = 0;
  bool operator<(const Candidate& other) const {
    return score < other.score || (!(other.score < score) && left > other.left);
  }
};

}  // namespace

/// One run of sentencepiece's byte-pair encoding (bpe_model.cc): the pair whose concatenation has
/// the highest score is merged first, the leftmost of equals.
class SpmMerger {
 public:
  SpmMerger(const SentencePiece& spm, std::string_view text) : spm_(spm) {
    while (!text.empty()) {
      const size_t user = spm_.user_defined(text);
      const size_t length = user ? user : std::min(char_length(text.front()), text.size());
      const auto here = static_cast<int64_t>(symbols_.size());
      symbols_.push_back({text.substr(0, length), here - 1, here + 1, user > 0});
      text.remove_prefix(length);
    }
    if (!symbols_.empty()) symbols_.back().next = -1;
  }

  std::vector<SentencePiece::Part> run() {
    for (int64_t i = 1; i < static_cast<int64_t>(symbols_.size()); ++i) look(i - 1, i);
    while (!queue_.empty()) {
      const Candidate top = queue_.top();
      queue_.pop();
      Symbol& left = at(top.left);
      Symbol& right = at(top.right);
      const bool stale = left.text.empty() || right.text.empty() ||
                         left.text.size() + right.text.size() != top.size;
      if (stale) continue;
      left.text = {left.text.data(), top.size};  // neighbours in the same text
      right.text = {};
      left.next = right.next;
      if (right.next >= 0) at(right.next).prev = top.left;
      look(left.prev, top.left);
      look(top.left, left.next);
    }
    std::vector<SentencePiece::Part> parts;
    for (const Symbol& symbol : symbols_)
      if (!symbol.text.empty()) split(symbol.text, parts);
    return parts;
  }

 private:
  Symbol& at(int64_t i) { return symbols_[static_cast<size_t>(i)]; }

  void look(int64_t left, int64_t right) {
    if (left < 0 || right < 0 || at(left).frozen || at(right).frozen) return;
    const size_t size = at(left).text.size() + at(right).text.size();
    const std::string_view whole(at(left).text.data(), size);
    const auto id = spm_.vocabulary_.id(whole);
    if (!id) return;
    const int type = spm_.type(*id);
    const bool unused = type == SentencePieceModel::kUnused;
    if (type != SentencePieceModel::kNormal && type != SentencePieceModel::kUserDefined && !unused)
      return;
    queue_.push({spm_.score(*id), left, right, size});
    if (unused) halves_[whole] = at(left).text.size();
  }

  /// An unused piece is split again into what it was merged from.
  void split(std::string_view whole, std::vector<SentencePiece::Part>& parts) {
    std::vector<std::string_view> stack{whole};
    while (!stack.empty()) {
      const std::string_view text = stack.back();
      stack.pop_back();
      const int64_t id = spm_.piece_to_id(text);
      const auto half = halves_.find(text);
      if (spm_.type(id) != SentencePieceModel::kUnused || half == halves_.end()) {
        parts.push_back({text, id});
        continue;
      }
      stack.push_back(text.substr(half->second));
      stack.push_back(text.substr(0, half->second));
    }
  }

  const SentencePiece& spm_;
  std::vector<Symbol> symbols_;
  std::priority_queue<Candidate> queue_;
  std::unordered_map<std::string_view, size_t> halves_;
};

std::vector<SentencePiece::Part> SentencePiece::bpe(std::string_view normalized) const {
  std::vector<Part> parts;
  PartCache<std::pair<size_t, size_t>> seen;  // where in parts the text was put before
  const auto always = [](std::string_view, std::string_view) { return true; };
  joints_.parts(normalized, always, [&](std::string_view text) {
    const auto [place, is_new] = seen.try_emplace(text, parts.size(), 0);
    auto& [begin, count] = place->second;
    if (is_new) {
      const auto found = SpmMerger(*this, text).run();
      parts.insert(parts.end(), found.begin(), found.end());
      count = found.size();
    } else {
      for (size_t i = 0; i < count; ++i) parts.push_back(Part(parts[begin + i]));
    }
  });
  return parts;
}

}  // namespace bench::text
