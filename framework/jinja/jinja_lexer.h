#pragma once
#include <string>
#include <vector>

#include "hydra/yaml/value.h"

namespace bench::text::jinja {

struct Token {
  enum class Kind { Name, Literal, Operator, End };
  Kind kind = Kind::End;
  std::string text;  // Name, Operator
  Value value;       // Literal
};

/// Tokens of an expression, an End behind them.
std::vector<Token> tokenise(const std::string& source, const std::string& where, size_t line);

}  // namespace bench::text::jinja
