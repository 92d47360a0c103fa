#include "tokenizers/regex/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/error.h"
#include "tokenizers/json_file.h"
#include "tokenizers/regex/oniguruma.h"
#include "base/utf8.h"

namespace bench::text {

struct Pattern::Code {
  pcre2_code* code = nullptr;
  pcre2_match_context* limits = nullptr;
  Code() = default;
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;
  ~Code() {
    pcre2_match_context_free(limits);
    pcre2_code_free(code);
  }
};

namespace {

std::string message_of(int error) {
  std::string text(256, '\0');
  const int length =
      pcre2_get_error_message(error, reinterpret_cast<PCRE2_UCHAR*>(text.data()), text.size());
  text.resize(length > 0 ? static_cast<size_t>(length) : 0);
  return text;
}

struct MatchData {
  explicit MatchData(const pcre2_code* code)
      : data(pcre2_match_data_create_from_pattern(code, nullptr)) {
    require(data != nullptr, "PCRE2 gives room for a match");
  }
  ~MatchData() { pcre2_match_data_free(data); }
  MatchData(const MatchData&) = delete;
  MatchData& operator=(const MatchData&) = delete;
  pcre2_match_data* data;
};

}  // namespace

Pattern Pattern::literal(const std::string& text) {
  if (text.empty()) fail("a tokenizer searches for an empty text; name the text to search for");
  Pattern pattern;
  pattern.source_ = text;
  return pattern;
}

Pattern Pattern::regex(const std::string& oniguruma) {
  const std::string translated = pcre2_from_oniguruma(oniguruma);
  Pattern pattern;
  pattern.source_ = oniguruma;
  auto code = std::make_shared<Code>();
  pcre2_compile_context* context = pcre2_compile_context_create(nullptr);
  require(context != nullptr, "PCRE2 gives a compile context");
  pcre2_set_newline(context, PCRE2_NEWLINE_LF);
  pcre2_set_bsr(context, PCRE2_BSR_UNICODE);
  int error = 0;
  PCRE2_SIZE offset = 0;
  // No PCRE2_UCP: the translation asks for Unicode properties by name.
  code->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                             PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &error, &offset, context);
  pcre2_compile_context_free(context);
  if (code->code == nullptr) {
    fail("the regular expression \"{}\" of a tokenizer cannot be compiled: {} (in \"{}\" at {})",
         oniguruma, message_of(error), translated, offset);
  }
  pcre2_jit_compile(code->code, PCRE2_JIT_COMPLETE);  // where there is no JIT, it is only slower
  code->limits = pcre2_match_context_create(nullptr);
  require(code->limits != nullptr, "PCRE2 gives a match context");
  // Backtracking without end is a mistake of the pattern: said, not waited for.
  pcre2_set_heap_limit(code->limits, 1u << 17);  // KiB
  pcre2_set_match_limit(code->limits, 2'000'000);
  pattern.code_ = std::move(code);
  return pattern;
}

std::vector<Span> Pattern::found(std::string_view text) const {
  std::vector<Span> spans;
  const MatchData match(code_->code);
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  size_t at = 0, last_end = std::string_view::npos;
  while (at <= text.size()) {
    int rc = pcre2_match(code_->code, subject, text.size(), at, PCRE2_NO_UTF_CHECK, match.data,
                         code_->limits);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT) {
      rc = pcre2_match(code_->code, subject, text.size(), at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT,
                       match.data, code_->limits);
    }
    if (rc == PCRE2_ERROR_NOMATCH) break;
    if (rc < 0) {
      fail("the regular expression \"{}\" of a tokenizer gave up on a text: {}", source_,
           message_of(rc));
    }
    const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer(match.data);
    const size_t begin = offsets[0], end = offsets[1];
    if (begin >= end && begin == last_end) {
      at = end < text.size() ? end + char_length(text[end]) : end + 1;
      continue;
    }
    spans.push_back({begin, end, true});
    at = last_end = end;
  }
  return spans;
}

std::vector<Span> Pattern::matches(std::string_view text) const {
  if (code_) return found(text);
  std::vector<Span> spans;
  for (size_t at = text.find(source_); at != std::string_view::npos;
       at = text.find(source_, at + source_.size())) {
    spans.push_back({at, at + source_.size(), true});
  }
  return spans;
}

std::vector<Span> Pattern::pieces(std::string_view text) const {
  std::vector<Span> pieces;
  size_t at = 0;
  for (const Span& match : matches(text)) {
    if (match.begin > at) pieces.push_back({at, match.begin, false});
    pieces.push_back(match);
    at = match.end;
  }
  if (at < text.size()) pieces.push_back({at, text.size(), false});
  return pieces;
}

std::string Pattern::replace(std::string_view text, std::string_view by) const {
  const auto all = pieces(text);
  size_t size = 0;
  for (const Span& piece : all) size += piece.match ? by.size() : piece.end - piece.begin;
  check_growth(size, text.size());
  std::string out;
  out.reserve(size);
  for (const Span& piece : all) {
    out += piece.match ? by : text.substr(piece.begin, piece.end - piece.begin);
  }
  return out;
}

}  // namespace bench::text
