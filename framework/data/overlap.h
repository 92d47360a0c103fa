#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace bench::text {

/// Words of one n-gram, and the share from which on two texts are said to leak: docs/validity.md
/// says why.
inline constexpr size_t kOverlapWords = 13;
inline constexpr double kOverlapLimit = 0.01;

/// The n-grams of some texts, each text on its own. Words are runs of ASCII letters, digits and
/// bytes from 0x80 on, lower-cased (ASCII): punctuation, blanks and what tokenizers make of them do
/// not count. Kept as sorted 64-bit hashes, so that two sets meet in one pass.
class WordGrams {
 public:
  explicit WordGrams(const std::vector<std::string>& texts, size_t words = kOverlapWords);

  /// Places of n-grams in the texts: repeated ones count each time.
  size_t size() const { return hashes_.size(); }
  /// Share of these places whose n-gram also stands in `other`; 0 where there are none.
  double share_in(const WordGrams& other) const;

 private:
  std::vector<uint64_t> hashes_;  // sorted
};

}  // namespace bench::text
