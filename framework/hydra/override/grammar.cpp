#include "hydra/override/grammar.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "hydra/yaml/scalar.h"

namespace bench {
namespace {

char at_or_zero(std::string_view text, size_t at) {
  return at < text.size() ? text[at] : '\0';
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// '0' | [1-9] ('_'? [0-9])*: how many characters.
size_t unsigned_int(std::string_view text, size_t from) {
  if (!is_digit(at_or_zero(text, from))) return 0;
  if (text[from] == '0') return 1;
  size_t at = from + 1;
  while (is_digit(at_or_zero(text, at)) ||
         (at_or_zero(text, at) == '_' && is_digit(at_or_zero(text, at + 1))))
    ++at;
  return at - from;
}

/// [0-9] ('_'? [0-9])*
size_t digits(std::string_view text, size_t from) {
  size_t at = from;
  while (is_digit(at_or_zero(text, at)) ||
         (at > from && at_or_zero(text, at) == '_' && is_digit(at_or_zero(text, at + 1))))
    ++at;
  return at - from;
}

bool same_word(std::string_view text, size_t at, std::string_view lower) {
  if (text.size() - at < lower.size()) return false;
  for (size_t i = 0; i < lower.size(); ++i)
    if (std::tolower(static_cast<unsigned char>(text[at + i])) != lower[i]) return false;
  return true;
}

size_t sign(std::string_view text, size_t at) {
  return at_or_zero(text, at) == '+' || at_or_zero(text, at) == '-' ? 1 : 0;
}

size_t float_length(std::string_view text, size_t from) {
  size_t at = from + sign(text, from);
  if (same_word(text, at, "inf") || same_word(text, at, "nan")) return at + 3 - from;
  const size_t whole = unsigned_int(text, at);
  at += whole;
  size_t fraction = 0;
  bool point = false;
  if (at_or_zero(text, at) == '.') {
    fraction = digits(text, at + 1);
    point = whole + fraction > 0;
    if (point) at += 1 + fraction;
  }
  if (whole == 0 && !point) return 0;
  if (at_or_zero(text, at) == 'e' || at_or_zero(text, at) == 'E') {
    const size_t exponent = at + 1 + sign(text, at + 1);
    if (const size_t n = digits(text, exponent)) return exponent + n - from;
  }
  return point ? at - from : 0;
}

size_t int_length(std::string_view text, size_t from) {
  const size_t n = unsigned_int(text, from + sign(text, from));
  return n ? n + sign(text, from) : 0;
}

size_t id_length(std::string_view text, size_t from) {
  if (!is_id_start(at_or_zero(text, from))) return 0;
  size_t at = from + 1;
  while (at < text.size() && is_id_char(text[at])) ++at;
  return at - from;
}

size_t escape_length(std::string_view text, size_t from) {
  size_t at = from;
  while (at_or_zero(text, at) == '\\' && at + 1 < text.size() &&
         std::string_view("\\()[]{}:=, \t").find(text[at + 1]) != std::string_view::npos)
    at += 2;
  return at - from;
}

/// A whole quoted text: up to the first equal quote with an even run of backslashes before it.
size_t quoted_length(std::string_view text, size_t from) {
  size_t run = 0;
  for (size_t at = from + 1; at < text.size(); ++at) {
    if (text[at] == text[from] && run % 2 == 0) return at + 1 - from;
    run = text[at] == '\\' ? run + 1 : 0;
  }
  return 0;
}

/// Brackets and marks, with the blanks they swallow; nothing if the character is none.
Token mark(std::string_view text, size_t from, Grammar grammar) {
  const size_t at = from + count_blanks(text, from);
  const bool blanks = at > from;
  const auto token = [&](TokenKind kind, bool swallow) {
    const size_t end = at + 1 + (swallow ? count_blanks(text, at + 1) : 0);
    return Token{kind, text.substr(from, end - from), from};
  };
  const bool overrides = grammar == Grammar::Override;
  switch (at_or_zero(text, at)) {
    case ',':
      return token(TokenKind::Comma, true);
    case ':':
      return token(TokenKind::Colon, true);
    case ']':
      return token(TokenKind::BracketClose, false);
    case '}':
      return token(TokenKind::BraceClose, false);
    case '=':
      return overrides ? token(TokenKind::Equal, true) : Token{TokenKind::Bad, {}, from};
    case '(':
      return overrides ? token(TokenKind::ParenOpen, true) : Token{TokenKind::Bad, {}, from};
    case ')':
      return overrides ? token(TokenKind::ParenClose, false) : Token{TokenKind::Bad, {}, from};
    case '[':
      if (!blanks) return token(TokenKind::BracketOpen, true);
      break;
    case '{':
      if (!blanks) return token(TokenKind::BraceOpen, true);
      break;
    default:
      break;
  }
  if (blanks) return {TokenKind::Blank, text.substr(from, at - from), from};
  return {TokenKind::Bad, {}, from};
}

Token word(std::string_view text, size_t at) {
  struct Candidate {
    TokenKind kind;
    size_t length;
  };
  const size_t id = id_length(text, at);
  // In the order of the grammar's rules: the first of equal length wins.
  const Candidate all[] = {
      {TokenKind::Float, float_length(text, at)},
      {TokenKind::Int, int_length(text, at)},
      {TokenKind::Bool, same_word(text, at, "true")    ? size_t{4}
                        : same_word(text, at, "false") ? 5u
                                                       : 0u},
      {TokenKind::Null, same_word(text, at, "null") ? size_t{4} : 0u},
      {TokenKind::Char,
       std::string_view("/-\\+.$%*@?|").find(text[at]) != std::string_view::npos ? size_t{1} : 0u},
      {TokenKind::Id, id},
      {TokenKind::Escape, escape_length(text, at)}};
  Candidate best{TokenKind::Bad, 0};
  for (const auto& one : all)
    if (one.length > best.length) best = one;
  return {best.kind, text.substr(at, best.length), at};
}

}  // namespace

bool is_id_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool is_id_char(char c) {
  return is_id_start(c) || is_digit(c) || c == '-';
}

size_t count_blanks(std::string_view text, size_t from) {
  size_t at = from;
  while (at_or_zero(text, at) == ' ' || at_or_zero(text, at) == '\t') ++at;
  return at - from;
}

Token next_token(std::string_view text, size_t at, Grammar grammar) {
  if (at >= text.size()) return {TokenKind::End, {}, text.size()};
  const auto marked = mark(text, at, grammar);
  if (!marked.is(TokenKind::Bad)) return marked;
  const char c = text[at];
  if (c == '\'' || c == '"') {
    if (grammar == Grammar::Interpolation) return {TokenKind::Quote, text.substr(at, 1), at};
    const size_t n = quoted_length(text, at);
    return {n ? TokenKind::Quoted : TokenKind::Bad, text.substr(at, n), at};
  }
  if (c == '$' && at_or_zero(text, at + 1) == '{') {
    if (grammar == Grammar::Interpolation)
      return {TokenKind::InterOpen, text.substr(at, 2 + count_blanks(text, at + 2)), at};
    const auto close = text.find('}', at);
    if (close != std::string_view::npos && close > at + 2)
      return {TokenKind::Interpolation, text.substr(at, close + 1 - at), at};
  }
  return word(text, at);
}

Value token_value(const Token& token) {
  const std::string text(token.text);
  switch (token.kind) {
    case TokenKind::Null:
      return {};
    case TokenKind::Bool:
      return text[0] == 't' || text[0] == 'T';
    case TokenKind::Int:
      return parse_int(text).value();
    case TokenKind::Float:
      return parse_float(text).value();
    default:
      return token_text(token);
  }
}

std::string token_text(const Token& token) {
  if (!token.is(TokenKind::Escape)) return std::string(token.text);
  std::string out;
  for (size_t i = 1; i < token.text.size(); i += 2) out += token.text[i];
  return out;
}

}  // namespace bench
