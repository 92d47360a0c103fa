// Quoted and block texts as libyaml reads them (scanner.c): folding, escapes, kept line breaks.
#include "base/error.h"
#include "hydra/yaml/yaml_text.h"

namespace bench {
namespace {

std::string utf8(unsigned point) {
  const auto byte = [](unsigned b) { return static_cast<char>(b); };
  if (point < 0x80) return {byte(point)};
  if (point < 0x800) return {byte(0xc0 | point >> 6), byte(0x80 | (point & 0x3f))};
  if (point < 0x10000)
    return {byte(0xe0 | point >> 12), byte(0x80 | (point >> 6 & 0x3f)),
            byte(0x80 | (point & 0x3f))};
  return {byte(0xf0 | point >> 18), byte(0x80 | (point >> 12 & 0x3f)),
          byte(0x80 | (point >> 6 & 0x3f)), byte(0x80 | (point & 0x3f))};
}

class Quoted {
 public:
  Quoted(const std::string& text, size_t at) : text_(text), at_(at + 1), quote_(text[at]) {}

  std::string read() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == quote_) {
        if (quote_ == '"' || at_ + 1 >= text_.size() || text_[at_ + 1] != '\'') break;
        out_ += '\'';
        at_ += 2;
      } else if (c == '\\' && quote_ == '"') {
        escape();
      } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        blanks();
      } else {
        out_ += c;
        ++at_;
      }
    }
    return out_;
  }

 private:
  /// One line break becomes a blank, more become one less; blanks around them go.
  void blanks(bool escaped_break = false) {
    std::string spaces;
    int breaks = 0;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\n')
        ++breaks;
      else if (c == ' ' || c == '\t')
        spaces += c;
      else if (c != '\r')
        break;
    }
    if (escaped_break)
      out_ += std::string(static_cast<size_t>(breaks), '\n');
    else if (breaks == 0)
      out_ += spaces;
    else
      out_ += breaks == 1 ? std::string(" ") : std::string(static_cast<size_t>(breaks - 1), '\n');
  }

  void escape() {
    const char c = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
    at_ += 2;
    if (c == '\n' || c == '\r') {
      if (c == '\r' && at_ < text_.size() && text_[at_] == '\n') ++at_;
      blanks(true);
      return;
    }
    const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits) {
      code(digits);
      return;
    }
    static const std::pair<char, const char*> kSimple[] = {
        {'a', "\a"},          {'b', "\b"},       {'t', "\t"},       {'\t', "\t"},
        {'n', "\n"},          {'v', "\v"},       {'f', "\f"},       {'r', "\r"},
        {'e', "\x1b"},        {' ', " "},        {'"', "\""},       {'/', "/"},
        {'\\', "\\"},         {'N', "\xc2\x85"}, {'_', "\xc2\xa0"}, {'L', "\xe2\x80\xa8"},
        {'P', "\xe2\x80\xa9"}};
    if (c == '0') {
      out_ += '\0';
      return;
    }
    for (const auto& [name, value] : kSimple)
      if (c == name) {
        out_ += value;
        return;
      }
    fail("'\\{}' is no escape of YAML; write \\\\ for a backslash, or use single quotes", c);
  }

  void code(size_t digits) {
    unsigned point = 0;
    for (size_t i = 0; i < digits; ++i, ++at_) {
      const char c = at_ < text_.size() ? text_[at_] : '\0';
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) fail("an escape needs {} hexadecimal digits here", digits);
      point = point << 4 | static_cast<unsigned>(digit);
    }
    if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
      fail("an escape names no character: {:x}", point);
    out_ += utf8(point);
  }

  const std::string& text_;
  size_t at_;
  const char quote_;
  std::string out_;
};

/// How many line breaks a block text ends with in the file, before the next less indented line.
size_t kept_breaks(const std::string& text, size_t at, int column) {
  size_t line = text.find('\n', at), breaks = 0;
  while (line != std::string::npos && ++line < text.size()) {
    const size_t first = text.find_first_not_of(' ', line);
    if (first == std::string::npos) break;
    const bool empty = text[first] == '\n' || text[first] == '\r';
    if (!empty && static_cast<int>(first - line) <= column) break;
    line = text.find('\n', first);
    if (line == std::string::npos) return 0;
    breaks = empty ? breaks + 1 : 1;
  }
  return breaks;
}

}  // namespace

std::string scalar_text(const std::string& text, size_t at, const std::string& parsed, int column) {
  if (at >= text.size()) return parsed;
  if (text[at] == '"' || text[at] == '\'') return Quoted(text, at).read();
  const bool block = text[at] == '|' || text[at] == '>';
  const auto header = text.substr(at, std::min(text.find('\n', at), text.size()) - at);
  if (!block || header.substr(0, header.find('#')).find('+') == std::string::npos) return parsed;
  const auto last = parsed.find_last_not_of('\n');
  if (last == std::string::npos) return parsed;
  return parsed.substr(0, last + 1) + std::string(kept_breaks(text, at, column), '\n');
}

}  // namespace bench
