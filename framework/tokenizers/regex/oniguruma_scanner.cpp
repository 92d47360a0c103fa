#include "tokenizers/regex/oniguruma_scanner.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <cctype>

#include "base/error.h"
#include "base/unicode.h"
#include "base/utf8.h"

namespace bench::text {

namespace {

// Oniguruma's sets, in the notation of a PCRE2 class. PCRE2's \s has U+180E, its \w other marks.
constexpr const char* kSpace =
    "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}"
    "\\x{205f}\\x{3000}";
constexpr const char* kWord = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";
constexpr const char* kDigit = "\\p{Nd}";
constexpr const char* kHex = "0-9a-fA-F";

bool compiles(const std::string& pattern) {
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                   PCRE2_UTF, &error, &offset, nullptr);
  pcre2_code_free(code);
  return code != nullptr;
}

}  // namespace

bool OnigurumaScanner::take(std::string_view text) {
  if (!sees(text)) return false;
  at_ += text.size();
  return true;
}

void OnigurumaScanner::cannot(std::string_view what) const {
  fail(
      "the regular expression \"{}\" uses {}, which has no equivalent here; write the pattern "
      "without it",
      in_, what);
}

std::string OnigurumaScanner::code_text(uint32_t code) {
  return fmt::format("\\x{{{:x}}}", code);
}

OnigurumaScanner::Property OnigurumaScanner::property(char kind) {
  const size_t end = in_.find('}', at_);
  if (!take("{") || end == std::string_view::npos) cannot("a property without braces");
  bool negated = kind == 'P';
  if (take("^")) negated = !negated;
  const std::string name(in_.substr(at_, end - at_));
  at_ = end + 1;
  const std::string script = "\\p{sc:" + name + "}";
  const bool is_script = name.size() > 2 && compiles(script);
  // PCRE2's own Unicode may be older than ours: a category has the newer points beside it.
  return {negated, fmt::format("\\p{{{}{}}}", is_script ? "sc:" : "", name) +
                       (is_script || name.empty() || name.size() > 2 ? "" : newer_points(name))};
}

uint32_t OnigurumaScanner::hex(size_t least, size_t most) {
  size_t count = 0;
  uint32_t code = 0;
  for (; count < most && at_ < in_.size(); ++count, ++at_) {
    const char c = in_[at_];
    if (std::isxdigit(static_cast<unsigned char>(c)) == 0) break;
    code = code * 16 + static_cast<uint32_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  if (count < least) cannot("a hexadecimal code with too few digits");
  return code;
}

bool OnigurumaScanner::character(uint32_t& code) {
  const char c = in_[at_];
  const char* controls = "t\tn\nr\rf\fv\va\ae\x1b";
  for (const char* p = controls; *p != 0; p += 2) {
    if (*p != c) continue;
    code = static_cast<uint32_t>(p[1]);
    ++at_;
    return true;
  }
  if (c == 'x' || c == 'u') {
    ++at_;
    const bool braced = c == 'x' && take("{");
    code = braced ? hex(1, 8) : c == 'x' ? hex(1, 2) : hex(4, 4);
    if (braced && !take("}")) cannot("a hexadecimal code without an end");
    return true;
  }
  if (std::isalnum(static_cast<unsigned char>(c)) != 0) return false;
  code = next_code_point(in_, at_);
  return true;
}

std::string OnigurumaScanner::members_of(char letter) {
  switch (letter) {
    case 's':
      return kSpace;
    case 'w':
      return kWord + newer_points("L") + newer_points("M") + newer_points("Nd") +
             newer_points("Nl") + newer_points("Pc");
    case 'd':
      return kDigit + newer_points("Nd");
    case 'h':
      return kHex;
    default:
      return "";
  }
}

}  // namespace bench::text
