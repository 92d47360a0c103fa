#pragma once
#include <memory>
#include <string>
#include <vector>

#include "hydra/yaml/value.h"

namespace bench::text::jinja {

struct Keyword;

/// An expression.
struct Node {
  enum class Kind {
    Literal,    // value
    Name,       // text
    List,       // kids
    Dict,       // kids: key, value, key, value ...
    Unary,      // text: - + not; kids: operand
    Binary,     // text: the operator; kids: left, right ("and", "or" stop early)
    Choice,     // kids: condition, then, else
    Attribute,  // text; kids: owner
    Index,      // kids: owner, subscript
    Slice,      // kids: owner, begin, end, step (Literal null where absent)
    Call,       // kids: callee, arguments
    Filter,     // text; kids: operand, arguments
    Test,       // text ("not defined" with a leading "!"); kids: operand, arguments
  };
  Kind kind = Kind::Literal;
  std::string text;
  Value value;
  std::vector<Node> kids;
  std::vector<Keyword> named;  // keyword arguments
};

struct Keyword {
  std::string name;
  Node value;
};

struct Statement;
using Statements = std::vector<Statement>;

/// A piece of a template.
struct Statement {
  enum class Kind { Text, Output, If, For, Set, Break, Continue };
  Kind kind = Kind::Text;
  std::string text;                  // Text; Set: the attribute of a namespace, if any
  Node expression;                   // Output, Set: value; For: what is iterated
  std::vector<std::string> names;    // Set, For: targets
  std::vector<Node> conditions;      // If: one per branch; For: the filter, if any
  std::vector<Statements> branches;  // If: one per condition, then else; For: body, then else
};

struct Body {
  Statements statements;
};

/// Throws Error with the line inside the template. chat: blocks are trimmed, and those of chat
/// templates are known.
Body parse(const std::string& source, const std::string& where, bool chat = false);
/// An expression as a whole; `line` for errors.
Node parse_expression(const std::string& source, const std::string& where, size_t line);

}  // namespace bench::text::jinja
