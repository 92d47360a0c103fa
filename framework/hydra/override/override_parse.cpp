#include "base/error.h"
#include "hydra/override/grammar.h"
#include "hydra/override/override.h"
#include "hydra/interpolation/resolver.h"
#include "hydra/yaml/scalar.h"

namespace bench {
namespace {

bool is_special_start(char c) {
  return is_id_start(c) || c == '$';
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

class Parser {
 public:
  explicit Parser(const std::string& input) : text_(input) {
    if (text_.size() > kGrammarMaxBytes)
      fail("an override has at most {} characters", kGrammarMaxBytes);
  }

  Override parse() {
    Override result;
    result.input = std::string(text_);
    if (take('~')) {
      result.type = Override::Type::Delete;
    } else if (take('+')) {
      result.type = take('+') ? Override::Type::ForceAdd : Override::Type::Add;
    }
    key(result);
    if (at_ == text_.size() && result.type == Override::Type::Delete) return result;
    if (!take('=')) error("expected '=' after the key; write key=value");
    at_ += count_blanks(text_, at_);
    result.value = value();
    if (result.is_sweep()) return result;
    extend_list(result);
    return result;
  }

  Element value() {
    if (at_ == text_.size()) return text_element("");
    Element first = element();
    if (peek().is(TokenKind::Comma)) {
      Element choice;
      choice.kind = Element::Kind::Sweep;
      choice.sweep = std::make_shared<Sweep>();
      choice.sweep->kind = Sweep::Kind::SimpleChoice;
      choice.sweep->list.push_back(std::move(first));
      while (peek().is(TokenKind::Comma)) {
        take();
        choice.sweep->list.push_back(element());
      }
      first = std::move(choice);
    }
    if (!peek().is(TokenKind::End)) error("unexpected text here; quote the value if it is meant");
    return first;
  }

 private:
  [[noreturn]] void error(const std::string& what) const {
    const size_t from = at_ > 40 ? at_ - 40 : 0;
    auto shown = std::string(text_.substr(from, 80));
    for (char& c : shown)
      if (c == '\n' || c == '\t') c = ' ';
    fail("{}, at column {}\n  {}\n  {}^", what, at_ + 1, shown, std::string(at_ - from, ' '));
  }

  static Element text_element(std::string text) {
    Element e;
    e.value = std::move(text);
    return e;
  }

  char current() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    if (current() != c) return false;
    ++at_;
    return true;
  }
  Token peek() const { return next_token(text_, at_, Grammar::Override); }
  Token take() {
    const auto token = peek();
    if (token.is(TokenKind::Bad)) error("a character that must be quoted");
    at_ += token.text.size();
    return token;
  }

  /// A name, "$special", a dotted path or nothing. `dotted`: may it be more than a plain name?
  std::string name(bool& plain) {
    const size_t from = at_;
    plain = is_id_start(current());
    bool dots = false;
    while (true) {
      const size_t part = at_;
      if (is_special_start(current())) {
        while (is_special_start(current()) || is_id_char(current())) {
          plain = plain && current() != '$';
          ++at_;
        }
      } else if (current() == '0') {
        ++at_;
      } else {
        while (is_digit(current()) || (part != at_ && current() == '_' && at_ + 1 < text_.size() &&
                                       is_digit(text_[at_ + 1])))
          ++at_;
      }
      if (part == at_ && dots) error("a key does not end with '.'");
      const bool more = current() == '.' && part != at_;
      if (!more) break;
      dots = true;
      plain = false;
      ++at_;
    }
    const auto text = std::string(text_.substr(from, at_ - from));
    if (!dots && !text.empty() && is_digit(text[0])) {
      at_ = from;
      error("a key does not begin with a digit");
    }
    return text;
  }

  void key(Override& result) {
    bool plain = false;
    result.key = name(plain);
    while (current() == '/') {
      if (!plain) error("a config group is made of names and '/'");
      ++at_;
      const auto part = name(plain);
      if (part.empty() || !plain) error("a config group is made of names and '/'");
      result.key += "/" + part;
    }
    if (take('@')) result.package = name(plain);
    const char c = current();
    if (at_ == text_.size() || c == '=') return;
    if (c == ' ' || c == '\t') error("no blank may stand in a key or before '='");
    error(std::string("'") + c + "' may not stand in a key");
  }

  struct Deeper {
    explicit Deeper(Parser& parser) : depth(parser.depth_) {
      if (++depth > kGrammarMaxDepth) parser.error("nested too deep");
    }
    ~Deeper() { --depth; }
    int& depth;
  };

  Element element() {
    const Deeper deeper(*this);
    const auto token = peek();
    if (token.is(TokenKind::BracketOpen)) return list();
    if (token.is(TokenKind::BraceOpen)) return map();
    if (token.is(TokenKind::Quoted)) return quoted();
    if (token.is(TokenKind::Id) &&
        next_token(text_, at_ + token.text.size(), Grammar::Override).is(TokenKind::ParenOpen))
      return function();
    return primitive(true);
  }

  Element list() {
    take();
    Element e;
    e.kind = Element::Kind::List;
    if (!peek().is(TokenKind::BracketClose)) {
      e.items.push_back(element());
      while (peek().is(TokenKind::Comma)) take(), e.items.push_back(element());
    }
    if (!peek().is(TokenKind::BracketClose)) error("expected ',' or ']'");
    take();
    return e;
  }

  Element map() {
    take();
    Element e;
    e.kind = Element::Kind::Map;
    while (!peek().is(TokenKind::BraceClose)) {
      if (!e.items.empty()) {
        if (!peek().is(TokenKind::Comma)) error("expected ',' or '}'");
        take();
      }
      Element key = primitive(false);
      if (!peek().is(TokenKind::Colon)) error("expected ':' after the key");
      take();
      put(e.items, std::move(key), element());
    }
    take();
    return e;
  }

  /// A key given twice keeps its place and gets the later value, as in a Python dict.
  static void put(std::vector<Element>& items, Element key, Element value) {
    Value::Map seen;
    for (size_t i = 0; i < items.size(); i += 2) {
      seen.clear();
      put_like_python(seen, make_entry(items[i].value, Value()));
      put_like_python(seen, make_entry(key.value, Value()));
      if (seen.size() > 1) continue;
      items[i + 1] = std::move(value);
      return;
    }
    items.push_back(std::move(key));
    items.push_back(std::move(value));
  }

  Element quoted() {
    const auto token = take();
    Element e;
    e.kind = Element::Kind::Quoted;
    e.quote = token.text[0];
    e.value = unquoted(token.text);
    return e;
  }

  Element primitive(bool is_value) {
    std::vector<Token> tokens;
    while (true) {
      const auto token = peek();
      const bool plain = token.is_plain() || token.is(TokenKind::Interpolation);
      if (token.is(TokenKind::Bad))
        error(text_[token.at] == '"' || text_[token.at] == '\''
                  ? "the quote that begins here never ends; close it, or put another kind around it"
                  : "this character must be quoted, or escaped with \\");
      if (!plain ||
          (!is_value && (token.is(TokenKind::Colon) || token.is(TokenKind::Interpolation))))
        break;
      tokens.push_back(take());
    }
    if (tokens.empty()) error(at_ == text_.size() ? "a value is missing" : "unexpected text here");
    size_t first = 0, last = tokens.size();
    if (tokens[0].is(TokenKind::Blank)) ++first;
    if (last > first && tokens[last - 1].is(TokenKind::Blank)) --last;
    if (first == last) error("a value of blanks only; quote it");
    if (last - first == 1) {
      Element e;
      e.value = token_value(tokens[first]);
      return e;
    }
    std::string text;
    for (size_t i = first; i < last; ++i) text += token_text(tokens[i]);
    return text_element(text);
  }

  Element function() {
    const size_t from = at_;
    const auto name = std::string(take().text);
    take();
    std::vector<NamedElement> arguments;
    while (!peek().is(TokenKind::ParenClose)) {
      if (!arguments.empty()) {
        if (!peek().is(TokenKind::Comma)) error("expected ',' or ')'");
        take();
      }
      NamedElement argument;
      const auto token = peek();
      if (token.is(TokenKind::Id) &&
          next_token(text_, at_ + token.text.size(), Grammar::Override).is(TokenKind::Equal)) {
        argument.name = std::string(take().text);
        take();
      } else if (!arguments.empty() && !arguments.back().name.empty()) {
        error("positional argument follows keyword argument");
      }
      argument.value = element();
      arguments.push_back(std::move(argument));
    }
    take();
    auto result = call_function(name, arguments, std::string(text_.substr(from, at_ - from)));
    extends_ = extends_ || name == "extend_list";
    return result;
  }

  /// Hydra 1.4: key=extend_list(...) is an override type of its own.
  void extend_list(Override& result) const {
    if (!extends_) return;
    if (result.type != Override::Type::Change)
      fail("Trying to use override symbols when extending a list: '{}'; write key=extend_list(...)",
           text_);
    result.type = Override::Type::ExtendList;
  }

  std::string_view text_;
  size_t at_ = 0;
  int depth_ = 0;
  bool extends_ = false;
};

}  // namespace

Override parse_override(const std::string& input) {
  return Parser(input).parse();
}

Element parse_override_value(const std::string& text) {
  return Parser(text).value();
}

}  // namespace bench
