#include "tokenizers/regex/oniguruma.h"

#include <cctype>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "tokenizers/regex/oniguruma_scanner.h"
#include "base/utf8.h"

namespace bench::text {

namespace {

constexpr int kDepth = 100;  // of nested classes

/// What one bracket says: members that a flat class can hold, other sets united with them, and
/// sets that all must hold too.
struct Set {
  bool negated = false;
  std::string members;
  std::vector<std::string> united;     // patterns of one character
  std::vector<std::string> intersect;  // the same
};

/// What is left of "&&" or the whole class, as a pattern of one character.
std::string union_text(const Set& set) {
  if (set.united.empty()) {
    return set.members.empty() ? "(?!)" : "[" + set.members + "]";
  }
  std::string text = "(?:";
  if (!set.members.empty()) text += "[" + set.members + "]|";
  for (size_t i = 0; i < set.united.size(); ++i) text += (i ? "|" : "") + set.united[i];
  return text + ")";
}

class Translator : OnigurumaScanner {
 public:
  using OnigurumaScanner::OnigurumaScanner;

  std::string run() {
    while (at_ < in_.size()) step();
    return out_;
  }

 private:
  void step() {
    const char c = in_[at_];
    if (c == '\\') return escape();
    if (c == '[') {
      out_ += bracket(0);
    } else if (c == '(') {
      group();
    } else if (c == '{') {
      interval();
    } else if (c == '^' || c == '$') {
      out_ += fmt::format("(?m:{})", c);
      ++at_;
    } else {
      out_ += c;
      ++at_;
    }
  }

  void group() {
    ++at_;
    out_ += '(';
    if (!take("?")) return;
    if (take("#")) {
      const size_t end = in_.find(')', at_);
      if (end == std::string_view::npos) cannot("a comment without an end");
      out_ += "?:)";
      at_ = end + 1;
      return;
    }
    for (const char* same : {":", "=", "!", ">", "<=", "<!", "<"}) {
      if (!take(same)) continue;
      out_ += std::string("?") + same;
      return;
    }
    out_ += '?';
    while (at_ < in_.size() && in_[at_] != ')' && in_[at_] != ':') {
      const char option = in_[at_++];
      // Ruby's m lets the dot match a newline, which is s in PCRE2.
      if (std::strchr("mix-", option) == nullptr) cannot(fmt::format("the group (?{}", option));
      out_ += option == 'm' ? 's' : option;
    }
  }

  void interval() {
    size_t end = at_ + 1;
    while (end < in_.size() &&
           (std::isdigit(static_cast<unsigned char>(in_[end])) != 0 || in_[end] == ','))
      ++end;
    const auto body = in_.substr(at_ + 1, end - at_ - 1);
    const bool valid = end < in_.size() && in_[end] == '}' && !body.empty() && body != "," &&
                       body.find(',') == body.rfind(',');
    if (!valid) {
      out_ += "\\{";
      ++at_;
      return;
    }
    at_ = end + 1;
    out_ += "{" + std::string(body.starts_with(",") ? "0" : "") + std::string(body) + "}";
    if (at_ < in_.size() && in_[at_] == '+') cannot("a possessive interval");
    if (sees("?") && body.find(',') == std::string_view::npos) cannot("an optional interval");
  }

  void escape() {
    if (++at_ >= in_.size()) cannot("a backslash at its end");
    uint32_t code = 0;
    if (character(code)) {
      out_ += code_text(code);
      return;
    }
    const char c = in_[at_++];
    std::string members = members_of(static_cast<char>(c | 0x20));
    // Outside of a class Oniguruma's \w of Latin-1 comes from a table that has its digits too.
    const std::string table = "\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}";
    const std::string word = "[" + members_of('w') + table + "]";
    if ((c | 0x20) == 'w') members += table;
    if (!members.empty()) {
      out_ += (c & 0x20 ? "[" : "[^") + members + "]";
    } else if (c == 'p' || c == 'P') {
      const auto p = property(c);
      out_ += (p.negated ? "[^" : "[") + p.members + "]";
    } else if (c == 'b') {
      out_ += fmt::format("(?:(?<={0})(?!{0})|(?<!{0})(?={0}))", word);
    } else if (c == 'B') {
      out_ += fmt::format("(?:(?<={0})(?={0})|(?<!{0})(?!{0}))", word);
    } else if (std::strchr("AzZR123456789", c) != nullptr) {
      out_ += std::string("\\") + c;
    } else {
      cannot(fmt::format("\\{}", c));
    }
  }

  std::string bracket(int depth) {
    if (depth > kDepth) cannot("too many nested classes");
    ++at_;
    Set set;
    set.negated = take("^");
    bool first = true;
    while (first || !sees("]")) {
      if (at_ >= in_.size()) cannot("a class without an end");
      member(set, depth);
      first = false;
    }
    ++at_;
    return text_of(set);
  }

  static std::string text_of(const Set& set) {
    if (set.united.empty() && set.intersect.empty() && !set.members.empty()) {
      return (set.negated ? "[^" : "[") + set.members + "]";
    }
    std::string text;
    for (const auto& other : set.intersect) text += "(?=" + other + ")";
    text += union_text(set);
    return set.negated ? "(?:(?!" + text + ")(?s:.))" : "(?:" + text + ")";
  }

  void member(Set& set, int depth) {
    if (sees("[:")) cannot("a POSIX class");
    if (take("&&")) {
      set.intersect.push_back(union_text(set));
      set.members.clear();
      set.united.clear();
      return;
    }
    if (sees("[")) return nested(set, depth);
    if (sees("\\")) {
      ++at_;
      if (at_ >= in_.size()) cannot("a backslash at its end");
      uint32_t code = '\b';
      if (take("b") || character(code)) return range(set, code);
      return class_escape(set);
    }
    range(set, next_code_point(in_, at_));
  }

  void nested(Set& set, int depth) {
    const std::string inner = bracket(depth + 1);
    // A plain inner class joins the outer one, so that BLOOM's pattern stays one flat class.
    const bool flat = inner.starts_with("[") && !inner.starts_with("[^");
    if (flat) {
      set.members += inner.substr(1, inner.size() - 2);
    } else {
      set.united.push_back(inner);
    }
  }

  void class_escape(Set& set) {
    const char c = in_[at_++];
    const std::string members = members_of(static_cast<char>(c | 0x20));
    if (!members.empty()) {
      if (c & 0x20) {
        set.members += members;
      } else {
        set.united.push_back("[^" + members + "]");
      }
    } else if (c == 'p' || c == 'P') {
      const auto p = property(c);
      if (p.negated)
        set.united.push_back("[^" + p.members + "]");
      else
        set.members += p.members;
    } else {
      cannot(fmt::format("\\{} in a class", c));
    }
  }

  void range(Set& set, uint32_t low) {
    set.members += code_text(low);
    const bool dash = sees("-") && at_ + 1 < in_.size() && in_[at_ + 1] != ']';
    if (!dash) return;
    const size_t here = at_++;
    uint32_t high = 0;
    if (take("\\")) {
      if (at_ >= in_.size()) cannot("a backslash at its end");
      if (!character(high)) {  // [a-\d]: the dash stands for itself
        at_ = here + 1;
        set.members += "\\-";
        return;
      }
    } else if (sees("[") || sees("&&")) {
      set.members += "\\-";
      return;
    } else {
      high = next_code_point(in_, at_);
    }
    if (high < low) cannot("a range that ends before it starts");
    set.members += "-" + code_text(high);
  }

  std::string out_;
};

}  // namespace

std::string pcre2_from_oniguruma(std::string_view pattern) {
  if (invalid_utf8(pattern) != std::string_view::npos) {
    fail("a regular expression is not valid UTF-8; save the tokenizer's file as UTF-8");
  }
  return Translator(pattern).run();
}

}  // namespace bench::text
