#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bench::text {

/// Bytes [begin, end) of a text; `match` says whether a pattern found it or left it between.
struct Span {
  size_t begin = 0, end = 0;
  bool match = false;
};

/// A search: a literal text, or a regular expression in Oniguruma's syntax. Immutable.
class Pattern {
 public:
  static Pattern literal(const std::string& text);
  static Pattern regex(const std::string& oniguruma);

  /// The matches from left to right, in valid UTF-8. An empty match right behind another is none.
  std::vector<Span> matches(std::string_view text) const;
  /// Matches and what lies between them, together the whole text.
  std::vector<Span> pieces(std::string_view text) const;
  /// The text with each match replaced.
  std::string replace(std::string_view text, std::string_view by) const;

 private:
  struct Code;
  std::vector<Span> found(std::string_view text) const;
  std::string source_;
  std::shared_ptr<const Code> code_;  // none: a literal
};

}  // namespace bench::text
