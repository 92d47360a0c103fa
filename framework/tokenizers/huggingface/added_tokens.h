#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tokenizers/json_file.h"
#include "tokenizers/sentencepiece/trie.h"
#include "tokenizers/huggingface/vocabulary.h"

namespace bench::text {

/// A token that is looked for in the text before anything else.
struct AddedToken {
  std::string content;
  std::optional<int64_t> stated;  ///< the id that a file gives it, to be checked
  bool special = false;
  bool normalized = true;  ///< looked for in the normalised text, else in the raw one
  bool lstrip = false;     ///< takes the white space on its left with it
  bool rstrip = false;
  bool single_word = false;  ///< only where no word character is beside it
};

/// From an entry of "added_tokens" or "added_tokens_decoder".
AddedToken added_token_from_json(const Json& spec, const std::string& where);

/// Added tokens of one kind, and where they are in a text.
class TokenFinder {
 public:
  struct Part {
    size_t begin = 0, end = 0;
    int64_t id = -1;  ///< -1: ordinary text
  };

  /// `pattern` is what the text must hold: the content, normalised where the token says so.
  void add(AddedToken token, const std::string& pattern, int64_t id);

  /// The text in parts. Of several tokens the leftmost is found, of those the longest.
  std::vector<Part> split(std::string_view text) const;

 private:
  struct Entry {
    AddedToken token;
    int64_t id = 0;
  };
  bool find(std::string_view text, size_t from, size_t& begin, size_t& end, size_t& entry) const;
  static bool stands_alone(std::string_view text, size_t begin, size_t end);

  std::vector<Entry> entries_;
  Trie trie_;
  std::array<bool, 256> starts_{};  // bytes that a token starts with
};

}  // namespace bench::text
