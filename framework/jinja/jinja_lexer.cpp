#include "jinja/jinja_lexer.h"

#include <cctype>
#include <charconv>

#include "base/error.h"
#include "base/utf8.h"

namespace bench::text::jinja {
namespace {

bool starts_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

class Lexer {
 public:
  Lexer(const std::string& source, const std::string& where, size_t line)
      : source_(source), where_(where), line_(line) {}

  std::vector<Token> run() {
    std::vector<Token> tokens;
    for (skip(); at_ < source_.size(); skip()) tokens.push_back(next());
    tokens.emplace_back();
    return tokens;
  }

 private:
  [[noreturn]] void bad(const std::string& why) const {
    fail("{}, line {}: {} in '{}'", where_, line_, why, source_);
  }
  void skip() {
    while (at_ < source_.size() && (source_[at_] == ' ' || source_[at_] == '\t' ||
                                    source_[at_] == '\n' || source_[at_] == '\r'))
      ++at_;
  }

  Token next() {
    const char c = source_[at_];
    if (c == '"' || c == '\'') return {Token::Kind::Literal, "", string(c)};
    if (is_digit(c)) return {Token::Kind::Literal, "", number()};
    if (starts_name(c)) {
      const auto begin = at_;
      while (at_ < source_.size() && (starts_name(source_[at_]) || is_digit(source_[at_]))) ++at_;
      return name(source_.substr(begin, at_ - begin));
    }
    for (const char* two : {"==", "!=", "<=", ">=", "//", "**"})
      if (source_.compare(at_, 2, two) == 0) {
        at_ += 2;
        return {Token::Kind::Operator, two, {}};
      }
    if (std::string("+-*/%~<>=|.,:()[]{}").find(c) == std::string::npos)
      bad(std::string("unexpected '") + c + "'");
    ++at_;
    return {Token::Kind::Operator, std::string(1, c), {}};
  }

  static Token name(std::string word) {
    if (word == "true" || word == "True") return {Token::Kind::Literal, "", true};
    if (word == "false" || word == "False") return {Token::Kind::Literal, "", false};
    if (word == "none" || word == "None") return {Token::Kind::Literal, "", Value()};
    return {Token::Kind::Name, std::move(word), {}};
  }

  bool digit_at(size_t at) const { return at < source_.size() && is_digit(source_[at]); }
  /// Digits, with single underscores between them.
  void digits(std::string& out) {
    for (; digit_at(at_) || (at_ < source_.size() && source_[at_] == '_' && digit_at(at_ + 1));
         ++at_)
      if (source_[at_] != '_') out += source_[at_];
  }

  /// As jinja2/lexer.py: 1_000, 0x1f, 0o7, 0b1; 1.5, 1e10, 1.5e-3.
  Value number() {
    std::string text;
    int base = 10;
    if (source_[at_] == '0' && at_ + 2 < source_.size()) {
      const char mark = static_cast<char>(source_[at_ + 1] | 0x20);
      base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 10;
    }
    if (base != 10) {
      at_ += 2;
      while (at_ < source_.size() &&
             (std::isxdigit(static_cast<unsigned char>(source_[at_])) || source_[at_] == '_'))
        if (const char c = source_[at_++]; c != '_') text += c;
      return whole_number(text, base);
    }
    digits(text);
    bool whole = true;
    if (at_ < source_.size() && source_[at_] == '.' && digit_at(at_ + 1)) {
      whole = false;
      text += source_[at_++];
      digits(text);
    }
    if (at_ < source_.size() && (source_[at_] | 0x20) == 'e') {
      const size_t sign =
          at_ + 1 < source_.size() && (source_[at_ + 1] == '+' || source_[at_ + 1] == '-');
      if (digit_at(at_ + 1 + sign)) {
        whole = false;
        text += 'e';
        if (source_[at_ + 1] == '-') text += '-';
        at_ += 1 + sign;
        digits(text);
      }
    }
    if (whole) return whole_number(text, 10);
    double d = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), d).ec != std::errc())
      bad("a number that is too large");
    return d;
  }

  Value whole_number(const std::string& text, int base) {
    int64_t i = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), i, base);
    if (error != std::errc() || end != text.data() + text.size())
      bad("a number that is none, or too large");
    return i;
  }

  uint32_t hex(size_t digits) {
    uint32_t code = 0;
    if (at_ + digits > source_.size()) bad("an unfinished escape");
    const char* from = source_.data() + at_;
    const auto [end, error] = std::from_chars(from, from + digits, code, 16);
    if (error != std::errc() || end != from + digits) bad("a broken escape");
    at_ += digits;
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
      bad("an escape that is no character");
    return code;
  }

  void escape(std::string& out) {
    const char c = source_[at_++];
    static const std::string kFrom = "ntr\\'\"abfv0", kTo("\n\t\r\\'\"\a\b\f\v\0", 11);
    const auto known = kFrom.find(c);
    if (known != std::string::npos)
      out += kTo[known];
    else if (c == 'x')
      append_code_point(out, hex(2));
    else if (c == 'u')
      append_code_point(out, hex(4));
    else if (c == 'U')
      append_code_point(out, hex(8));
    else if (c != '\n')  // an escaped line end is nothing; others stay as they are
      (out += '\\') += c;
  }

  Value string(char quote) {
    std::string out;
    for (++at_; at_ < source_.size();) {
      const char c = source_[at_++];
      if (c == quote) return out;
      if (c == '\\' && at_ < source_.size())
        escape(out);
      else
        out += c;
    }
    bad("an unfinished string");
  }

  const std::string& source_;
  const std::string& where_;
  size_t line_, at_ = 0;
};

}  // namespace

std::vector<Token> tokenise(const std::string& source, const std::string& where, size_t line) {
  return Lexer(source, where, line).run();
}

}  // namespace bench::text::jinja
