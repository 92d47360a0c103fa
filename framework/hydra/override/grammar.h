#pragma once
#include <string>
#include <string_view>

#include "hydra/yaml/value.h"

namespace bench {

/// Tokens of a value, as two grammars share them: command-line overrides (Hydra's
/// OverrideLexer.g4, value mode) and interpolations (OmegaConfGrammarLexer.g4, value mode).
enum class TokenKind {
  Id,
  Null,
  Int,
  Float,
  Bool,
  Char,
  Escape,
  Blank,
  Colon,
  Comma,
  Equal,
  BracketOpen,
  BracketClose,
  BraceOpen,
  BraceClose,
  ParenOpen,
  ParenClose,
  Quoted,         // overrides: a whole '...' or "..."
  Interpolation,  // overrides: ${ up to the first }
  InterOpen,      // interpolations: ${ and blanks
  Quote,          // interpolations: one opening quote
  End,
  Bad
};

struct Token {
  TokenKind kind = TokenKind::End;
  std::string_view text;
  size_t at = 0;

  bool is(TokenKind wanted) const { return kind == wanted; }
  /// May it stand in an unquoted text?
  bool is_plain() const { return kind <= TokenKind::Colon; }
};

enum class Grammar { Override, Interpolation };

/// The longest token at `at`; on equal length the earlier rule of the grammar.
Token next_token(std::string_view text, size_t at, Grammar grammar);

/// The value of a single plain token (not Quoted): null, bool, number, or its text.
Value token_value(const Token& token);
/// Its text with escapes undone: every second character of an Escape.
std::string token_text(const Token& token);

bool is_id_start(char c);
bool is_id_char(char c);  // letters, digits, _ and -
size_t count_blanks(std::string_view text, size_t at);

/// Nesting and length that no honest value needs; they keep recursion and time bounded.
inline constexpr int kGrammarMaxDepth = 100;
inline constexpr size_t kGrammarMaxBytes = size_t{1} << 16;

}  // namespace bench
