#include "jinja/python_literal.h"

#include <cctype>
#include <charconv>

#include "hydra/yaml/scalar.h"
#include "base/utf8.h"

namespace bench {
namespace {

struct NoLiteral {};

class LiteralReader {
 public:
  explicit LiteralReader(const std::string& text) : text_(text) {}

  Value whole() {
    auto v = value(0);
    blanks();
    if (at_ < text_.size()) throw NoLiteral();
    return v;
  }

 private:
  static constexpr int kMostDepth = 100;

  char now() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void blanks() {
    while (now() == ' ' || now() == '\t' || now() == '\n' || now() == '\r' || now() == '\f') ++at_;
  }
  bool take(char c) {
    blanks();
    if (at_ >= text_.size() || now() != c) return false;
    ++at_;
    return true;
  }
  bool word(const char* name) {
    const std::string_view w(name);
    if (std::string_view(text_).substr(at_, w.size()) != w) return false;
    const auto next = at_ + w.size() < text_.size() ? text_[at_ + w.size()] : ' ';
    if (std::isalnum(static_cast<unsigned char>(next)) || next == '_') return false;
    at_ += w.size();
    return true;
  }

  Value value(int depth) {
    if (depth > kMostDepth) throw NoLiteral();
    blanks();
    if (take('[')) return items(']', depth).first;
    if (take('(')) {
      auto [list, comma] = items(')', depth);
      if (list.list().size() == 1 && !comma) return std::move(list.list()[0]);  // only brackets
      return list;
    }
    if (take('{')) return dictionary(depth);
    if (word("True")) return true;
    if (word("False")) return false;
    if (word("None")) return {};
    const bool raw = (now() == 'r' || now() == 'R' || now() == 'u' || now() == 'U') &&
                     at_ + 1 < text_.size() && (text_[at_ + 1] == '"' || text_[at_ + 1] == '\'');
    if (raw || now() == '"' || now() == '\'') return strings();
    return number();
  }

  /// The list, and whether a comma stands at its end.
  std::pair<Value, bool> items(char end, int depth) {
    Value::List all;
    bool comma = false;
    while (!take(end)) {
      if (!all.empty() && !comma) throw NoLiteral();
      all.push_back(value(depth + 1));
      comma = take(',');
    }
    return {std::move(all), comma};
  }

  Value dictionary(int depth) {
    Value all{Value::Map{}};
    bool comma = true;
    while (!take('}')) {
      if (!comma) throw NoLiteral();
      const auto key = value(depth + 1);
      if (key.is_list() || key.is_map() || !take(':')) throw NoLiteral();
      all.set(python_str(key), value(depth + 1));
      comma = take(',');
    }
    return all;
  }

  /// Neighbouring strings are one.
  Value strings() {
    std::string all;
    do {
      bool raw = false;
      if (now() != '"' && now() != '\'') raw = now() == 'r' || now() == 'R', ++at_;
      string(all, raw);
      blanks();
    } while (now() == '"' || now() == '\'');
    return all;
  }

  void string(std::string& out, bool raw) {
    const char quote = text_[at_++];
    const bool three = text_.compare(at_, 2, std::string(2, quote)) == 0;
    if (three) at_ += 2;
    for (;; ++at_) {
      if (at_ >= text_.size() || (!three && now() == '\n')) throw NoLiteral();
      if (now() == quote && (!three || text_.compare(at_, 3, std::string(3, quote)) == 0)) {
        at_ += three ? 3 : 1;
        return;
      }
      if (now() == '\\' && !raw)
        ++at_, escaped(out);
      else if (now() == '\\' && at_ + 1 < text_.size())
        out += text_[at_], out += text_[++at_];
      else
        out += now();
    }
  }

  uint32_t code(size_t most, unsigned base, size_t least) {
    uint32_t value = 0;
    size_t n = 0;
    for (; n < most; ++n, ++at_) {
      const auto c = static_cast<unsigned char>(now());
      const unsigned digit = std::isdigit(c)    ? c - '0'
                             : std::isxdigit(c) ? std::tolower(c) - 'a' + 10u
                                                : 99u;
      if (digit >= base) break;
      value = value * base + digit;
    }
    if (n < least) throw NoLiteral();
    --at_;  // the caller steps over the last one
    return value;
  }

  /// at_ is at the character behind the backslash, and stays at the last one of the escape.
  void escaped(std::string& out) {
    static constexpr std::string_view kNames = "\\'\"abfnrtv", kBytes = "\\'\"\a\b\f\n\r\t\v";
    const char c = now();
    if (const auto i = kNames.find(c); i != std::string_view::npos && c) {
      out += kBytes[i];
    } else if (c == '\n') {
      return;
    } else if (c == 'x' || c == 'u' || c == 'U') {
      ++at_;
      const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
      const auto point = code(digits, 16, digits);
      if (point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) throw NoLiteral();
      text::append_code_point(out, point);
    } else if (c >= '0' && c <= '7') {
      text::append_code_point(out, code(3, 8, 1));
    } else if (c == 'N' || c == '\0') {
      throw NoLiteral();
    } else {
      out += '\\', out += c;
    }
  }

  Value number() {
    double sign = 1;
    bool minus = false;
    for (; now() == '+' || now() == '-'; ++at_, blanks()) minus = minus != (now() == '-');
    sign = minus ? -1 : 1;
    std::string digits;
    bool real = false;
    for (; std::isalnum(static_cast<unsigned char>(now())) || now() == '.' || now() == '_' ||
           ((now() == '+' || now() == '-') && !digits.empty() &&
            (digits.back() == 'e' || digits.back() == 'E') &&
            digits.find_first_of("xX") == std::string::npos);
         ++at_) {
      if (now() == '_') {  // between digits only
        const bool inside =
            !digits.empty() && std::isalnum(static_cast<unsigned char>(digits.back())) &&
            at_ + 1 < text_.size() && std::isalnum(static_cast<unsigned char>(text_[at_ + 1]));
        if (!inside) throw NoLiteral();
        continue;
      }
      digits += now();
    }
    int base = 10;
    const char* from = digits.data();
    const char* to = from + digits.size();
    if (digits.size() > 2 && digits[0] == '0') {
      const auto mark = static_cast<char>(std::tolower(static_cast<unsigned char>(digits[1])));
      base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 10;
      if (base != 10) from += 2;
    }
    real = base == 10 && digits.find_first_of(".eE") != std::string::npos;
    if (digits.empty() ||
        (digits[0] != '.' && !std::isdigit(static_cast<unsigned char>(digits[0]))))
      throw NoLiteral();
    if (real) {
      double d = 0;
      const auto [end, error] = std::from_chars(from, to, d);
      if (end != to || error != std::errc()) throw NoLiteral();
      return sign * d;
    }
    // 07 is no number in Python, though 00 is.
    if (base == 10 && digits.size() > 1 && digits[0] == '0' &&
        digits.find_first_not_of('0') != std::string::npos)
      throw NoLiteral();
    int64_t i = 0;
    const auto [end, error] = std::from_chars(from, to, i, base);
    if (end != to || error != std::errc()) throw NoLiteral();
    return minus ? -i : i;
  }

  const std::string& text_;
  size_t at_ = 0;
};

}  // namespace

std::optional<Value> python_literal(const std::string& text) {
  try {
    return LiteralReader(text).whole();
  } catch (const NoLiteral&) {
    return {};
  }
}

}  // namespace bench
