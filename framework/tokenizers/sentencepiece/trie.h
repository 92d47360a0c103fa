#pragma once
#include <string_view>
#include <vector>

#include "tokenizers/huggingface/flat_map.h"

namespace bench::text {

/// Words by their bytes, to find all that a text starts with.
class Trie {
 public:
  bool empty() const { return values_.size() == 1; }

  /// A word inserted twice keeps its last value. The empty word is not kept.
  void insert(std::string_view word, int32_t value) {
    if (word.empty()) return;
    uint64_t node = 0;
    for (const char c : word) {
      uint64_t next = edges_.find(edge(node, c));
      if (next == FlatMap::kNone) {
        next = values_.size();
        edges_.insert(edge(node, c), next);
        values_.push_back(-1);
      }
      node = next;
    }
    values_[node] = value;
  }

  /// visit(length, value) for each word that `text` starts with, shortest first.
  template <class Visit>
  void prefixes(std::string_view text, Visit&& visit) const {
    uint64_t node = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      node = edges_.find(edge(node, text[i]));
      if (node == FlatMap::kNone) return;
      if (values_[node] >= 0) visit(i + 1, values_[node]);
    }
  }

 private:
  static uint64_t edge(uint64_t node, char c) { return node << 8 | static_cast<unsigned char>(c); }

  FlatMap edges_;
  std::vector<int32_t> values_{-1};
};

}  // namespace bench::text
