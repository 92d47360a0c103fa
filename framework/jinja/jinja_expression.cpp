// Expressions of Jinja, by precedence: jinja2/parser.py.
#include <set>

#include "base/error.h"
#include "jinja/jinja_ast.h"
#include "jinja/jinja_lexer.h"

namespace bench::text::jinja {
namespace {

constexpr int kDeepest = 64;

Node node(Node::Kind kind, std::string text, std::vector<Node> kids) {
  Node n;
  n.kind = kind;
  n.text = std::move(text);
  n.kids = std::move(kids);
  return n;
}

class Parser {
 public:
  Parser(const std::string& source, const std::string& where, size_t line)
      : source_(source), where_(where), line_(line), tokens_(tokenise(source, where, line)) {}

  Node whole() {
    // `a, b` without brackets is a tuple.
    auto first = choice();
    if (is(",")) {
      std::vector<Node> items{std::move(first)};
      while (accept(",") && !done()) items.push_back(choice());
      first = node(Node::Kind::List, "", std::move(items));
    }
    if (!done()) bad("unexpected '" + shown() + "'");
    return first;
  }

 private:
  /// One level of recursion; a template cannot overflow the stack.
  struct Deeper {
    explicit Deeper(Parser& parser) : p(parser) {
      if (++p.depth_ > kDeepest) p.bad("too many brackets inside each other");
    }
    ~Deeper() { --p.depth_; }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;
    Parser& p;
  };

  [[noreturn]] void bad(const std::string& why) const {
    fail("{}, line {}: {} in '{}'", where_, line_, why, source_);
  }
  const Token& peek() const { return tokens_[at_]; }
  bool done() const { return peek().kind == Token::Kind::End; }
  std::string shown() const {
    return done() ? "end" : peek().kind == Token::Kind::Literal ? "a value" : peek().text;
  }
  bool is(const char* text) const {
    return peek().kind != Token::Kind::Literal && peek().text == text;
  }
  bool accept(const char* text) {
    if (!is(text)) return false;
    ++at_;
    return true;
  }
  void expect(const char* text) {
    if (!accept(text)) bad(std::string("'") + text + "' is missing before '" + shown() + "'");
  }
  std::string name() {
    if (peek().kind != Token::Kind::Name) bad("a name is missing before '" + shown() + "'");
    return tokens_[at_++].text;
  }

  Node choice() {
    const Deeper deeper(*this);
    auto value = either();
    while (accept("if")) {
      auto condition = either();
      Node other;
      other.kind = Node::Kind::Literal;
      other.value = "";  // Jinja's undefined prints nothing
      if (accept("else")) other = choice();
      value =
          node(Node::Kind::Choice, "", {std::move(condition), std::move(value), std::move(other)});
    }
    return value;
  }

  Node chain(std::initializer_list<const char*> operators, Node (Parser::*next)()) {
    auto left = (this->*next)();
    for (bool more = true; more;) {
      more = false;
      for (const char* o : operators)
        if (!more && accept(o)) {
          left = node(Node::Kind::Binary, o, {std::move(left), (this->*next)()});
          more = true;
        }
      if (++operations_ > 10000) bad("too many operators");
    }
    return left;
  }
  Node either() { return chain({"or"}, &Parser::both); }
  Node both() { return chain({"and"}, &Parser::negation); }
  Node negation() {
    const Deeper deeper(*this);
    if (accept("not")) return node(Node::Kind::Unary, "not", {negation()});
    return comparison();
  }

  Node comparison() {
    auto left = sum();
    for (;;) {
      std::string o;
      if (is("not") && at_ + 1 < tokens_.size() && tokens_[at_ + 1].text == "in") {
        at_ += 2;
        o = "not in";
      } else {
        for (const char* known : {"==", "!=", "<=", ">=", "<", ">", "in"})
          if (o.empty() && accept(known)) o = known;
        if (o.empty()) return left;
      }
      left = node(Node::Kind::Binary, o, {std::move(left), sum()});
    }
  }
  Node sum() { return chain({"+", "-"}, &Parser::join); }
  Node join() { return chain({"~"}, &Parser::product); }
  Node product() { return chain({"*", "//", "/", "%"}, &Parser::power); }
  Node power() { return chain({"**"}, &Parser::filtered); }

  Node filtered() { return behind(unary(), true); }
  Node unary() {
    const Deeper deeper(*this);
    for (const char* o : {"-", "+"})
      if (accept(o)) return node(Node::Kind::Unary, o, {unary()});
    return behind(primary(), false);
  }

  Node primary() {
    const Deeper deeper(*this);
    if (peek().kind == Token::Kind::Literal) return literal();
    if (peek().kind == Token::Kind::Name) return node(Node::Kind::Name, name(), {});
    if (accept("(")) {
      if (accept(")")) return node(Node::Kind::List, "", {});
      auto inner = choice();
      if (!is(",")) {
        expect(")");
        return inner;
      }
      std::vector<Node> items{std::move(inner)};
      while (accept(",") && !is(")")) items.push_back(choice());
      expect(")");
      return node(Node::Kind::List, "", std::move(items));
    }
    if (accept("[")) return node(Node::Kind::List, "", items("]"));
    if (accept("{")) return dictionary();
    bad("unexpected '" + shown() + "'");
  }

  /// Strings beside each other are one.
  Node literal() {
    Node n;
    n.value = tokens_[at_++].value;
    while (n.value.is_string() && peek().kind == Token::Kind::Literal && peek().value.is_string())
      n.value = n.value.string() + tokens_[at_++].value.string();
    return n;
  }

  std::vector<Node> items(const char* end) {
    std::vector<Node> all;
    while (!accept(end)) {
      all.push_back(choice());
      if (!is(end)) expect(",");
    }
    return all;
  }

  Node dictionary() {
    std::vector<Node> all;
    while (!accept("}")) {
      all.push_back(choice());
      expect(":");
      all.push_back(choice());
      if (!is("}")) expect(",");
    }
    return node(Node::Kind::Dict, "", std::move(all));
  }

  /// What may follow a value: .name [subscript] (call), and with `filters` also | and is.
  Node behind(Node value, bool filters) {
    for (;;) {
      if (++operations_ > 10000) bad("too many operators");
      if (accept(".")) {
        if (peek().kind == Token::Kind::Literal && peek().value.is_int()) {
          auto index = literal();
          value = node(Node::Kind::Index, "", {std::move(value), std::move(index)});
        } else {
          value = node(Node::Kind::Attribute, name(), {std::move(value)});
        }
      } else if (accept("[")) {
        value = subscript(std::move(value));
      } else if (accept("(")) {
        auto call = node(Node::Kind::Call, "", {std::move(value)});
        arguments(call);
        value = std::move(call);
      } else if (filters && accept("|")) {
        value = node(Node::Kind::Filter, name(), {std::move(value)});
        if (accept("(")) arguments(value);
      } else if (filters && accept("is")) {
        value = test(std::move(value));
      } else {
        return value;
      }
    }
  }

  Node test(Node operand) {
    const std::string sign = accept("not") ? "!" : "";
    static const std::set<std::string> kConstants{"none", "true", "false"};
    std::string word;
    if (peek().kind == Token::Kind::Literal) {  // `is none`: the lexer made it a value
      const auto& v = tokens_[at_++].value;
      word = v.is_null() ? "none" : v.is_bool() ? (std::get<bool>(v.data) ? "true" : "false") : "?";
    } else {
      word = name();
    }
    auto n = node(Node::Kind::Test, sign + word, {std::move(operand)});
    if (accept("(")) {
      arguments(n);
    } else if (!kConstants.count(word) &&
               (peek().kind == Token::Kind::Literal ||
                (peek().kind == Token::Kind::Name && !is("else") && !is("or") && !is("and") &&
                 !is("is") && !is("if") && !is("in") && !is("not")))) {
      n.kids.push_back(behind(primary(), false));
    }
    return n;
  }

  Node subscript(Node owner) {
    const auto absent = [] { return Node(); };
    std::vector<Node> parts{std::move(owner)};
    bool slice = false;
    parts.push_back(is(":") ? absent() : choice());
    for (int i = 0; i < 2 && accept(":"); ++i) {
      slice = true;
      parts.push_back(is(":") || is("]") ? absent() : choice());
    }
    expect("]");
    if (!slice) return node(Node::Kind::Index, "", std::move(parts));
    while (parts.size() < 4) parts.push_back(absent());
    return node(Node::Kind::Slice, "", std::move(parts));
  }

  void arguments(Node& call) {
    while (!accept(")")) {
      const bool named = peek().kind == Token::Kind::Name && tokens_[at_ + 1].text == "=" &&
                         tokens_[at_ + 1].kind == Token::Kind::Operator;
      if (named) {
        auto key = name();
        expect("=");
        call.named.push_back({std::move(key), choice()});
      } else {
        call.kids.push_back(choice());
      }
      if (!is(")")) expect(",");
    }
  }

  const std::string& source_;
  const std::string& where_;
  size_t line_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
  int depth_ = 0, operations_ = 0;
};

}  // namespace

Node parse_expression(const std::string& source, const std::string& where, size_t line) {
  return Parser(source, where, line).whole();
}

}  // namespace bench::text::jinja
