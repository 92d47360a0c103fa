#include "jinja/python_regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/error.h"
#include "base/utf8.h"

namespace bench::text {
namespace {

/// \Z is the very end in Python, and the end or a last line break in PCRE2.
std::string translated(const std::string& pattern) {
  std::string out;
  for (size_t i = 0; i < pattern.size(); ++i) {
    out += pattern[i];
    if (pattern[i] == '\\' && i + 1 < pattern.size()) {
      ++i;
      out += pattern[i] == 'Z' ? 'z' : pattern[i];
    }
  }
  return out;
}

}  // namespace

struct PythonRegex::Code {
  explicit Code(pcre2_code* c) : code(c), context(pcre2_match_context_create(nullptr)) {
    pcre2_set_match_limit(context, 1'000'000);
    pcre2_set_heap_limit(context, 65536);
    pcre2_set_depth_limit(context, 10000);
  }
  ~Code() {
    pcre2_match_context_free(context);
    pcre2_code_free(code);
  }
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;
  pcre2_code* code;
  pcre2_match_context* context;
};

PythonRegex::PythonRegex(const std::string& pattern, bool ignore_case) : source_(pattern) {
  check_text(pattern);
  const auto source = translated(pattern);
  int error = 0;
  size_t where = 0;
  const uint32_t options =
      PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | (ignore_case ? PCRE2_CASELESS : 0u);
  auto* code = pcre2_compile(reinterpret_cast<const unsigned char*>(source.data()), source.size(),
                             options, &error, &where, nullptr);
  if (!code) {
    unsigned char message[128] = {};
    pcre2_get_error_message(error, message, sizeof message);
    fail("the regular expression '{}' is not understood at character {}: {}", pattern, where,
         reinterpret_cast<const char*>(message));
  }
  code_ = std::make_unique<const Code>(code);
}

PythonRegex::~PythonRegex() = default;
PythonRegex::PythonRegex(PythonRegex&&) noexcept = default;
PythonRegex& PythonRegex::operator=(PythonRegex&&) noexcept = default;

std::vector<PythonRegex::Match> PythonRegex::matches(const std::string& text) const {
  check_text(text);
  const std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> data(
      pcre2_match_data_create_from_pattern(code_->code, nullptr), pcre2_match_data_free);
  std::vector<Match> all;
  const auto* subject = reinterpret_cast<const unsigned char*>(text.data());
  size_t at = 0;
  uint32_t options = PCRE2_NO_UTF_CHECK;
  while (at <= text.size()) {
    const int n =
        pcre2_match(code_->code, subject, text.size(), at, options, data.get(), code_->context);
    if (n == PCRE2_ERROR_NOMATCH) {
      // Behind an empty match a longer one was looked for at the same place.
      if (!(options & PCRE2_NOTEMPTY_ATSTART) || at >= text.size()) break;
      at += char_length(text[at]);
      options = PCRE2_NO_UTF_CHECK;
      continue;
    }
    if (n < 0) fail("the regular expression '{}' takes too long on a text", source_);
    const size_t* span = pcre2_get_ovector_pointer(data.get());
    if (span[0] > span[1]) break;  // \K inside a look-around
    Match m{span[0], span[1], {}};
    for (uint32_t g = 0; g < pcre2_get_ovector_count(data.get()); ++g)
      m.groups.push_back(span[2 * g] == PCRE2_UNSET
                             ? ""
                             : text.substr(span[2 * g], span[2 * g + 1] - span[2 * g]));
    // Python takes an empty match behind another one, except where the last was empty too.
    at = m.end;
    options = PCRE2_NO_UTF_CHECK | (m.begin == m.end ? PCRE2_NOTEMPTY_ATSTART : 0u);
    all.push_back(std::move(m));
  }
  return all;
}

std::vector<std::vector<std::string>> PythonRegex::find_all(const std::string& text) const {
  std::vector<std::vector<std::string>> out;
  for (auto& m : matches(text)) {
    if (m.groups.size() > 1) m.groups.erase(m.groups.begin());
    out.push_back(std::move(m.groups));
  }
  return out;
}

std::string PythonRegex::sub(const std::string& text, const std::string& by) const {
  std::string out;
  size_t done = 0;
  for (const auto& m : matches(text)) {
    out.append(text, done, m.begin - done);
    done = m.end;
    for (size_t i = 0; i < by.size(); ++i) {
      if (by[i] != '\\' || i + 1 == by.size()) {
        out += by[i];
        continue;
      }
      const char c = by[++i];
      std::string digits;
      if (c >= '1' && c <= '9') {
        digits = c;
      } else if (c == 'g' && i + 1 < by.size() && by[i + 1] == '<') {
        const auto end = by.find('>', i);
        digits = end == std::string::npos ? "" : by.substr(i + 2, end - i - 2);
        if (digits.empty() || digits.size() > 2 ||
            digits.find_first_not_of("0123456789") != std::string::npos)
          fail("the replacement '{}' names a group that is no number", by);
        i = end;
      } else {
        out += c == 'n' ? '\n' : c == 't' ? '\t' : c;
        continue;
      }
      const auto group = static_cast<size_t>(std::stoul(digits));
      if (group >= m.groups.size()) fail("the replacement '{}' names group {}", by, group);
      out += m.groups[group];
    }
    if (out.size() > size_t{1} << 26) fail("a replacement makes too long a text");
  }
  return out.append(text, done);
}

}  // namespace bench::text
