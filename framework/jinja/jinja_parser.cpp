// Templates of Jinja: text, {{ }}, {% %}, {# #}.
#include <algorithm>

#include "base/error.h"
#include "jinja/jinja_ast.h"
#include "jinja/python_string.h"
#include "base/utf8.h"

namespace bench::text::jinja {
namespace {

constexpr int kDeepest = 32;

/// A piece of the source: text, or what stands between delimiters.
struct Piece {
  char kind;  // 't' text, '{' output, '%' block
  std::string text;
  size_t line;
};

class Cutter {
 public:
  Cutter(const std::string& source, const std::string& where, bool trims)
      : source_(source), where_(where), trims_(trims) {}

  std::vector<Piece> run() {
    while (at_ < source_.size()) {
      const auto open = next_open();
      add_text(open);
      if (open == std::string::npos) break;
      at_ = open;
      tag();
    }
    return std::move(pieces_);
  }

 private:
  [[noreturn]] void bad(const std::string& why) const {
    fail("{}, line {}: {}", where_, line(), why);
  }
  size_t line() const {
    const auto end = source_.begin() + static_cast<long>(std::min(at_, source_.size()));
    return 1 + static_cast<size_t>(std::count(source_.begin(), end, '\n'));
  }

  size_t next_open() const {
    for (auto at = source_.find('{', at_); at != std::string::npos; at = source_.find('{', at + 1))
      if (at + 1 < source_.size() && std::string("{%#").find(source_[at + 1]) != std::string::npos)
        return at;
    return std::string::npos;
  }

  void add_text(size_t end) {
    auto text = source_.substr(at_, end == std::string::npos ? end : end - at_);
    if (trim_next_ && text.starts_with("\n")) {
      text.erase(0, 1);
      line_begins_ = true;
    }
    trim_next_ = false;
    if (strip_next_) text = lstrip(text);
    strip_next_ = false;
    if (trims_ && end != std::string::npos && source_[end + 1] != '{' &&
        source_.compare(end + 2, 1, "+") != 0)
      without_indent(text);
    line_begins_ = false;
    if (end != std::string::npos && end + 2 < source_.size() && source_[end + 2] == '-')
      text = rstrip(text);
    if (!text.empty()) pieces_.push_back({'t', std::move(text), line()});
  }

  /// lstrip_blocks: what stands before a block on its line is nothing, if it is blank.
  void without_indent(std::string& text) const {
    const auto newline = text.rfind('\n');
    const auto begin = newline == std::string::npos ? 0 : newline + 1;
    if (newline == std::string::npos && !line_begins_) return;
    if (text.find_first_not_of(" \t", begin) == std::string::npos) text.resize(begin);
  }

  /// Where `close` stands outside of strings and brackets, from `from` on.
  size_t find_close(const std::string& close, size_t from) const {
    int depth = 0;
    for (size_t i = from; i < source_.size(); ++i) {
      const char c = source_[i];
      if (c == '"' || c == '\'') {
        for (++i; i < source_.size() && source_[i] != c; ++i)
          if (source_[i] == '\\') ++i;
      } else if (depth == 0 && source_.compare(i, 2, close) == 0) {
        return i;
      } else if (c == '{' || c == '[' || c == '(') {
        ++depth;
      } else if ((c == '}' || c == ']' || c == ')') && depth > 0) {
        --depth;
      }
    }
    return std::string::npos;
  }

  void tag() {
    const char kind = source_[at_ + 1];
    const auto begin_line = line();
    const std::string close = kind == '{' ? "}}" : kind == '%' ? "%}" : "#}";
    const auto end = kind == '#' ? source_.find(close, at_ + 2) : find_close(close, at_ + 2);
    if (end == std::string::npos) bad(std::string("'{") + kind + "' is never closed");
    auto inner = source_.substr(at_ + 2, end - at_ - 2);
    if (!inner.empty() && (inner.front() == '-' || inner.front() == '+')) inner.erase(0, 1);
    trim_next_ = trims_ && kind != '{';
    if (!inner.empty() && (inner.back() == '-' || (trim_next_ && inner.back() == '+'))) {
      strip_next_ = inner.back() == '-';
      trim_next_ = false;
      inner.pop_back();
    }
    at_ = end + 2;
    inner = strip(inner);
    if (kind == '#') return;
    if (kind == '%' && inner == "raw") return raw();
    pieces_.push_back({kind, std::move(inner), begin_line});
  }

  /// Everything up to {% endraw %} is text.
  void raw() {
    for (auto open = source_.find("{%", at_); open != std::string::npos;
         open = source_.find("{%", open + 2)) {
      const auto end = source_.find("%}", open);
      if (end == std::string::npos) break;
      auto word = source_.substr(open + 2, end - open - 2);
      std::erase(word, '-');
      if (strip(word) != "endraw") continue;
      auto text = source_.substr(at_, open - at_);
      if (strip_next_) text = lstrip(text);
      strip_next_ = source_[end - 1] == '-';
      pieces_.push_back({'t', std::move(text), line()});
      at_ = end + 2;
      return;
    }
    bad("{% raw %} is never closed");
  }

  const std::string& source_;
  const std::string& where_;
  bool trims_;
  size_t at_ = 0;
  bool strip_next_ = false, trim_next_ = false, line_begins_ = true;
  std::vector<Piece> pieces_;
};

class Blocks {
 public:
  Blocks(std::vector<Piece> pieces, const std::string& where, bool chat)
      : pieces_(std::move(pieces)), where_(where), chat_(chat) {}

  Body run() {
    Body body{until({})};
    if (at_ < pieces_.size()) bad("'" + pieces_[at_].text + "' closes nothing");
    return body;
  }

 private:
  [[noreturn]] void bad(const std::string& why) const {
    fail("{}, line {}: {}", where_, at_ < pieces_.size() ? pieces_[at_].line : 0, why);
  }
  static std::string word(const std::string& text) {
    return text.substr(0, text.find_first_of(" ("));
  }
  static std::string rest(const std::string& text) {
    const auto at = text.find_first_of(" (");
    return at == std::string::npos ? "" : text.substr(at);
  }

  /// Statements up to a block that starts with one of these words, which is not consumed.
  Statements until(const std::vector<std::string>& ends) {
    if (++depth_ > kDeepest) bad("too many blocks inside each other");
    Statements all;
    for (; at_ < pieces_.size(); ++at_) {
      const auto& p = pieces_[at_];
      if (p.kind == '%' && std::find(ends.begin(), ends.end(), word(p.text)) != ends.end()) break;
      if (p.kind == 't') {
        Statement s;
        s.text = p.text;
        all.push_back(std::move(s));
      } else if (p.kind == '{') {
        Statement s;
        s.kind = Statement::Kind::Output;
        s.expression = parse_expression(p.text, where_, p.line);
        all.push_back(std::move(s));
      } else if (auto s = block(p)) {
        all.push_back(std::move(*s));
      } else {
        break;  // an end that nobody here waits for
      }
    }
    --depth_;
    return all;
  }

  std::unique_ptr<Statement> block(const Piece& p) {
    const auto w = word(p.text);
    if (w == "if") return conditional(p);
    if (w == "for") return loop(p);
    if (w == "set") return assignment(p);
    if (chat_ && (w == "break" || w == "continue")) {
      auto s = std::make_unique<Statement>();
      s->kind = w == "break" ? Statement::Kind::Break : Statement::Kind::Continue;
      return s;
    }
    if (chat_ && (w == "generation" || w == "endgeneration"))  // marks what is trained on
      return std::make_unique<Statement>();
    if (w.starts_with("end") || w == "else" || w == "elif") return nullptr;
    bad("the block '" + w + "' is not supported; known: if, for, set, raw");
  }

  std::unique_ptr<Statement> conditional(const Piece& p) {
    auto s = std::make_unique<Statement>();
    s->kind = Statement::Kind::If;
    s->conditions.push_back(parse_expression(rest(p.text), where_, p.line));
    for (;;) {
      ++at_;
      s->branches.push_back(until({"elif", "else", "endif"}));
      if (at_ >= pieces_.size()) bad("{% if %} is never closed");
      const auto& end = pieces_[at_];
      const auto w = word(end.text);
      if (w == "endif") return s;
      const bool last = s->branches.size() > s->conditions.size();
      if (last) bad("'" + w + "' behind an else");
      if (w == "elif") s->conditions.push_back(parse_expression(rest(end.text), where_, end.line));
    }
  }

  std::vector<std::string> targets(const std::string& text) {
    std::vector<std::string> names;
    for (const auto& part : split(text, ",")) {
      names.push_back(strip(part));
      if (names.back().empty() || names.back().find_first_of(" ().[]'\"") != std::string::npos)
        bad("'" + text + "' is no list of names");
    }
    return names;
  }

  std::unique_ptr<Statement> loop(const Piece& p) {
    auto s = std::make_unique<Statement>();
    s->kind = Statement::Kind::For;
    const auto text = rest(p.text);
    const auto in = text.find(" in ");
    if (in == std::string::npos) bad("{% for %} needs 'in'");
    auto names = strip(text.substr(0, in));
    if (names.starts_with("(") && names.ends_with(")")) names = names.substr(1, names.size() - 2);
    s->names = targets(names);
    auto iterated = text.substr(in + 4);
    // A filter of the loop: the last " if " that has no else of its own.
    const auto filter = iterated.rfind(" if ");
    if (filter != std::string::npos && iterated.find(" else ", filter) == std::string::npos) {
      s->conditions.push_back(parse_expression(iterated.substr(filter + 4), where_, p.line));
      iterated.resize(filter);
    }
    s->expression = parse_expression(iterated, where_, p.line);
    ++at_;
    s->branches.push_back(until({"else", "endfor"}));
    if (at_ < pieces_.size() && word(pieces_[at_].text) == "else") {
      ++at_;
      s->branches.push_back(until({"endfor"}));
    }
    if (at_ >= pieces_.size() || word(pieces_[at_].text) != "endfor")
      bad("{% for %} is never closed");
    return s;
  }

  std::unique_ptr<Statement> assignment(const Piece& p) {
    auto s = std::make_unique<Statement>();
    s->kind = Statement::Kind::Set;
    const auto text = rest(p.text);
    const auto equals = text.find('=');
    if (equals == std::string::npos) bad("{% set %} needs '='; blocks are not supported");
    const auto name = strip(text.substr(0, equals));
    if (const auto dot = name.find('.'); dot != std::string::npos) {  // of a namespace
      s->names = targets(name.substr(0, dot));
      s->text = targets(name.substr(dot + 1)).front();
    } else {
      s->names = targets(name);
    }
    s->expression = parse_expression(text.substr(equals + 1), where_, p.line);
    return s;
  }

  std::vector<Piece> pieces_;
  const std::string& where_;
  bool chat_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Body parse(const std::string& source, const std::string& where, bool chat) {
  if (const auto bad = invalid_utf8(source); bad != std::string::npos)
    fail("{}: the template is not valid UTF-8 at byte {}; convert it to UTF-8", where, bad);
  // One line end at the end of a file is none of the template's.
  const auto text = chat && source.ends_with("\n") ? source.substr(0, source.size() - 1) : source;
  return Blocks(Cutter(text, where, chat).run(), where, chat).run();
}

}  // namespace bench::text::jinja
