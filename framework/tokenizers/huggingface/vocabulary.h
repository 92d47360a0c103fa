#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace bench::text {

/// Tokens and their ids, 0 to size-1, with gaps where a file has them.
class Vocabulary {
 public:
  Vocabulary() = default;
  /// By position. A token listed twice is found at its last place, as a dictionary would.
  explicit Vocabulary(std::vector<std::string> tokens);
  /// By stated ids. A negative id, one used twice or far beyond the number of tokens is an Error.
  explicit Vocabulary(std::vector<std::pair<std::string, int64_t>> entries);

  int64_t size() const { return static_cast<int64_t>(tokens_.size()); }
  /// How many tokens there are: less than size() where ids have gaps.
  int64_t count() const { return static_cast<int64_t>(ids_.size()); }
  std::optional<int64_t> id(std::string_view token) const;
  /// null for an id without a token.
  const std::string* token(int64_t id) const;
  /// A token at the next free id.
  int64_t append(const std::string& token);

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  std::vector<std::optional<std::string>> tokens_;
  std::unordered_map<std::string, int64_t, Hash, std::equal_to<>> ids_;
};

/// The id of "<0xNN>" for each byte, -1 where the vocabulary has none.
std::vector<int64_t> byte_tokens(const Vocabulary& vocabulary);

/// The byte that "<0x0A>" spells; none for other text.
std::optional<char> byte_of_token(std::string_view token);

}  // namespace bench::text
