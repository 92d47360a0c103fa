#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bench::text {

/// SentencePiece's precompiled normalisation rules: a double-array trie (Darts-clone) of what is
/// replaced, and the replacements, each ended by a zero byte (normalizer.cc,
/// DecodePrecompiledCharsMap).
class Charsmap {
 public:
  /// Bytes that are no such table are an Error naming `source`.
  Charsmap(std::string_view blob, const std::string& source);

  struct Rule {
    size_t length = 0;      ///< bytes of the text that it replaces
    std::string_view text;  ///< by this
  };
  /// The longest rule that `text` starts with (sentencepiece), or the shortest (tokenizers).
  std::optional<Rule> longest(std::string_view text) const { return find(text, false); }
  std::optional<Rule> shortest(std::string_view text) const { return find(text, true); }

 private:
  std::optional<Rule> find(std::string_view text, bool first) const;
  uint32_t unit(size_t at) const;

  std::vector<uint32_t> units_;
  std::string texts_;
  std::string source_;
};

}  // namespace bench::text
