#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace bench::text {

/// Reads the parts of an Oniguruma pattern that mean the same inside and outside of a class.
class OnigurumaScanner {
 public:
  explicit OnigurumaScanner(std::string_view pattern) : in_(pattern) {}

 protected:
  bool done() const { return at_ >= in_.size(); }
  bool sees(std::string_view text) const { return in_.substr(at_).starts_with(text); }
  bool take(std::string_view text);
  [[noreturn]] void cannot(std::string_view what) const;

  /// Behind \p or \P: a script is Script in Oniguruma, by default Script_Extensions in PCRE2.
  struct Property {
    bool negated;
    std::string members;  // of a class
  };
  Property property(char kind);
  /// Behind a backslash: the code point, if the escape stands for one character.
  bool character(uint32_t& code);
  /// What \s, \d, \w, \h hold, in the notation of a PCRE2 class; empty for other letters.
  static std::string members_of(char letter);
  static std::string code_text(uint32_t code);

  std::string_view in_;
  size_t at_ = 0;

 private:
  uint32_t hex(size_t least, size_t most);
};

}  // namespace bench::text
