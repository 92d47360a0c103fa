#include <unordered_map>

#include "base/error.h"
#include "hydra/override/grammar.h"
#include "hydra/interpolation/interpolation.h"

namespace bench {
namespace {

using Kind = Expression::Kind;

Expression literal(Value value) {
  Expression e;
  e.value = std::move(value);
  return e;
}

/// Joins neighbours into one expression; a single part that is no text stays what it is.
Expression joined(std::vector<Expression> parts) {
  if (parts.empty()) return literal("");
  if (parts.size() == 1) return std::move(parts.front());
  Expression e;
  e.kind = Kind::Join;
  e.parts = std::move(parts);
  return e;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {
    if (text.size() > kGrammarMaxBytes)
      fail("a text with interpolations has at most {} characters", kGrammarMaxBytes);
  }

  Expression config_value() {
    if (text_.empty()) error("an empty text holds no interpolation");
    return joined(text('\0'));
  }

  Expression single_element() {
    auto e = element();
    if (!peek().is(TokenKind::End)) error("unexpected text");
    return e;
  }

 private:
  struct Deeper {
    explicit Deeper(Parser& parser) : depth(parser.depth_) {
      if (++depth > kGrammarMaxDepth) parser.error("nested too deep");
    }
    ~Deeper() { --depth; }
    int& depth;
  };

  [[noreturn]] void error(const std::string& what) const {
    const size_t from = at_ > 30 ? at_ - 30 : 0;
    const auto near = std::string(text_.substr(from, 60));
    fail("interpolation syntax: {} at column {} of\n  {}\n  {}^", what, at_ + 1, near,
         std::string(at_ - from, ' '));
  }

  char current() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool open_here() const { return text_.substr(at_, 2) == "${"; }
  Token peek() const { return next_token(text_, at_, Grammar::Interpolation); }
  Token take() {
    const auto token = peek();
    if (token.is(TokenKind::Bad)) error("unexpected character");
    at_ += token.text.size();
    return token;
  }
  void expect(TokenKind kind, const char* what) {
    if (!peek().is(kind)) error(std::string("expected ") + what);
    take();
  }

  /// Plain text and interpolations up to the closing quote ('\0': to the end). Backslashes count
  /// only before an interpolation, a quote or the end of a quoted text.
  std::vector<Expression> text(char quote) {
    std::vector<Expression> parts;
    std::string plain;
    const auto flush = [&] {
      if (!plain.empty()) parts.push_back(literal(plain));
      plain.clear();
    };
    while (at_ < text_.size() && !(quote && current() == quote)) {
      if (current() == '\\') {
        plain += backslashes(quote);
      } else if (open_here()) {
        flush();
        parts.push_back(interpolation());
      } else {
        plain += text_[at_++];
      }
    }
    flush();
    return parts;
  }

  std::string backslashes(char quote) {
    const size_t from = at_;
    while (current() == '\\') ++at_;
    const size_t n = at_ - from;
    if (n % 2 == 1 && open_here()) {  // \${ is a literal ${
      at_ += 2;
      return std::string(n / 2, '\\') + "${";
    }
    if (n % 2 == 1 && quote && current() == quote) {
      ++at_;
      return std::string(n / 2, '\\') + quote;
    }
    const bool halve = n % 2 == 0 && (open_here() || (quote && current() == quote));
    return std::string(halve ? n / 2 : n, '\\');
  }

  Expression interpolation() {
    const Deeper deeper(*this);
    at_ += 2;
    at_ += count_blanks(text_, at_);
    std::string dots;
    while (current() == '.') dots += '.', ++at_;
    Expression e;
    e.kind = Kind::Key;
    e.text = dots;
    const size_t blanks_colon = after_blanks();
    if (dots.empty() && blanks_colon < text_.size() && text_[blanks_colon] == ':')
      error("expected a key or the name of a resolver");
    bool only_names = key_part(e, true) && dots.empty();
    while (true) {
      const size_t next = after_blanks();
      const char c = next < text_.size() ? text_[next] : '\0';
      if (c == '}') {
        at_ = next + 1;
        return e;
      }
      if (c == ':') {
        if (!only_names) error("a resolver's name is made of names and dots");
        at_ = next + 1 + count_blanks(text_, next + 1);
        return call(std::move(e));
      }
      if (current() == '.') {
        ++at_;
        e.parts.push_back(literal("."));
        only_names = key_part(e, false) && only_names;
      } else if (current() == '[') {
        key_part(e, true);
        only_names = false;
      } else {
        error(at_ == text_.size() ? "'}' is missing" : "unexpected text");
      }
    }
  }

  size_t after_blanks() const { return at_ + count_blanks(text_, at_); }

  /// One key, or a key in brackets; true if it may be part of a resolver's name.
  bool key_part(Expression& e, bool brackets) {
    if (current() == '[' && brackets) {
      ++at_;
      e.parts.push_back(literal("["));
      key_part(e, false);
      if (current() != ']') error("expected ']'");
      ++at_;
      e.parts.push_back(literal("]"));
      return false;
    }
    if (open_here()) {
      e.parts.push_back(interpolation());
      return true;
    }
    const size_t from = at_;
    while (at_ < text_.size() &&
           std::string_view("\\{}()[]:. \t'\"").find(text_[at_]) == std::string_view::npos)
      ++at_;
    if (at_ == from) error(at_ == text_.size() ? "'}' is missing" : "expected a key");
    const auto key = text_.substr(from, at_ - from);
    e.parts.push_back(literal(std::string(key)));
    bool is_id = is_id_start(key[0]);
    for (const char c : key) is_id = is_id && is_id_char(c);
    return is_id;
  }

  Expression call(Expression name) {
    name.kind = Kind::Call;
    name.count = name.parts.size();
    for (auto& argument : sequence(TokenKind::BraceClose))
      name.parts.push_back(std::move(argument));
    expect(TokenKind::BraceClose, "'}'");
    return name;
  }

  /// Elements between commas; an empty one is the empty text.
  std::vector<Expression> sequence(TokenKind close) {
    std::vector<Expression> items;
    if (peek().is(close)) return items;
    while (true) {
      const auto token = peek();
      const bool empty = token.is(TokenKind::Comma) || token.is(close);
      items.push_back(empty ? literal("") : element());
      if (!peek().is(TokenKind::Comma)) return items;
      take();
    }
  }

  Expression element() {
    const Deeper deeper(*this);
    const auto token = peek();
    if (token.is(TokenKind::BracketOpen)) {
      take();
      Expression e;
      e.kind = Kind::List;
      e.parts = sequence(TokenKind::BracketClose);
      expect(TokenKind::BracketClose, "']'");
      return e;
    }
    if (token.is(TokenKind::BraceOpen)) return dict();
    if (token.is(TokenKind::Quote)) return quoted();
    return primitive(true);
  }

  Expression dict() {
    take();
    Expression e;
    e.kind = Kind::Dict;
    while (!peek().is(TokenKind::BraceClose)) {
      if (!e.parts.empty()) expect(TokenKind::Comma, "',' or '}'");
      e.parts.push_back(primitive(false));
      expect(TokenKind::Colon, "':'");
      e.parts.push_back(element());
    }
    take();
    return e;
  }

  Expression quoted() {
    const char quote = take().text[0];
    auto parts = text(quote);
    if (current() != quote) error("the quote never ends");
    ++at_;
    Expression e;  // always a text, even around a single interpolation
    e.kind = Kind::Join;
    e.parts = std::move(parts);
    return e;
  }

  Expression primitive(bool is_value) {
    std::vector<Token> run;
    std::vector<Expression> parts;
    while (true) {
      const auto token = peek();
      if (token.is(TokenKind::InterOpen) && is_value) {
        parts.push_back(interpolation());
      } else if (token.is_plain() && (is_value || !token.is(TokenKind::Colon))) {
        run.push_back(token);
        parts.push_back(literal(token_text(token)));
        take();
      } else if (token.is(TokenKind::Bad)) {
        error("unexpected character");
      } else {
        break;
      }
    }
    if (parts.empty()) error(at_ == text_.size() ? "a value is missing" : "unexpected text");
    if (parts.size() == 1 && run.size() == 1) return literal(token_value(run[0]));
    if (parts.size() == run.size()) {  // no interpolation: one text
      std::string all;
      for (const auto& part : parts) all += part.value.string();
      return literal(all);
    }
    return joined(std::move(parts));
  }

  std::string_view text_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Expression parse_interpolated(const std::string& text) {
  return Parser(text).config_value();
}

std::shared_ptr<const Expression> parsed(const std::string& text) {
  thread_local std::unordered_map<std::string, std::shared_ptr<const Expression>> known;
  if (const auto it = known.find(text); it != known.end()) return it->second;
  if (known.size() > 1000) known.clear();
  auto expression = std::make_shared<const Expression>(parse_interpolated(text));
  if (text.size() < 1000) known.emplace(text, expression);
  return expression;
}

Expression parse_element(const std::string& text) {
  return Parser(text).single_element();
}

void check_interpolation_syntax(const std::string& text) {
  if (has_interpolation(text)) Parser(text).config_value();
}

}  // namespace bench
