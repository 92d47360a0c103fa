#include "jinja/jinja.h"

#include <algorithm>

#include "jinja/jinja_ast.h"
#include "jinja/jinja_values.h"
#include "jinja/python_string.h"

namespace bench::text {
namespace jinja {
namespace {

using Names = std::map<std::string, Value>;

/// One rendering: the names of the document, and of the blocks around.
class Rendering {
 public:
  /// lenient: what is undefined is an empty text.
  explicit Rendering(const Value& document, bool lenient = false)
      : document_(document), scopes_(1), lenient_(lenient) {}

  void run(const Statements& statements, std::string& out) {
    for (const auto& s : statements) {
      budget_.spend(1);
      switch (s.kind) {
        case Statement::Kind::Text:
          append(out, s.text);
          break;
        case Statement::Kind::Output:
          append(out, to_text(soft(s.expression)));
          break;
        case Statement::Kind::If:
          run_if(s, out);
          break;
        case Statement::Kind::For:
          run_for(s, out);
          break;
        case Statement::Kind::Set:
          if (s.text.empty())
            bind(scopes_.back(), s.names, soft(s.expression));
          else
            set_attribute(s.names[0], s.text, soft(s.expression));
          break;
        case Statement::Kind::Break:
          leaving_ = Leaving::Loop;
          break;
        case Statement::Kind::Continue:
          leaving_ = Leaving::Turn;
          break;
      }
      if (leaving_ != Leaving::Nothing) return;
    }
  }

  Value value(const Node& n) {
    budget_.spend(1);
    switch (n.kind) {
      case Node::Kind::Literal:
        return copied(n.value);
      case Node::Kind::Name:
        return copied(lookup(n.text));
      case Node::Kind::List:
        return list(n);
      case Node::Kind::Dict:
        return dictionary(n);
      case Node::Kind::Unary:
        return unary(n);
      case Node::Kind::Binary:
        return binary_node(n);
      case Node::Kind::Choice:
        return value(n.kids[truth(soft(n.kids[0])) ? 1 : 2]);
      case Node::Kind::Attribute:
        return attribute(n);
      case Node::Kind::Index:
        return at(value(n.kids[0]), value(n.kids[1]));
      case Node::Kind::Slice:
        return slice(value(n.kids[0]), value(n.kids[1]), value(n.kids[2]), value(n.kids[3]));
      case Node::Kind::Call:
        return call(n);
      case Node::Kind::Filter:
        return filter(n);
      case Node::Kind::Test:
        return test(n);
    }
    return {};
  }

 private:
  Value soft(const Node& n) {
    if (!lenient_) return value(n);
    try {
      return value(n);
    } catch (const Undefined&) {
      return "";
    }
  }
  void append(std::string& out, const std::string& text) {
    budget_.spend(1 + text.size() / 16);
    out += text;
  }
  Value copied(const Value& v) {
    budget_.spend(v);
    return v;
  }

  const Value& lookup(const std::string& name) const {
    for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope)
      if (const auto it = scope->find(name); it != scope->end()) return it->second;
    if (const auto* found = document_.find(name)) return *found;
    std::string known;
    if (document_.is_map())
      for (const auto& e : document_.map()) known += (known.empty() ? "" : ", ") + e.key;
    throw Undefined(fmt::format("'{}' is not defined; the document has: {}", name, known));
  }

  void bind(Names& scope, const std::vector<std::string>& names, Value v) {
    if (names.size() == 1) {
      scope[names[0]] = std::move(v);
      return;
    }
    auto parts = iterate(v);
    if (parts.size() != names.size()) fail("{} values for {} names", parts.size(), names.size());
    for (size_t i = 0; i < names.size(); ++i) scope[names[i]] = std::move(parts[i]);
  }

  /// {% set ns.x = ... %}: the namespace is that of the block that made it.
  void set_attribute(const std::string& name, const std::string& attribute, Value v) {
    for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
      const auto it = scope->find(name);
      if (it == scope->end()) continue;
      if (!it->second.is_map()) break;
      it->second.set(attribute, std::move(v));
      return;
    }
    fail("'{}' is no namespace; write {{% set {} = namespace() %}} before", name, name);
  }

  void run_if(const Statement& s, std::string& out) {
    for (size_t i = 0; i < s.conditions.size(); ++i)
      if (truth(soft(s.conditions[i]))) return run(s.branches[i], out);
    if (s.branches.size() > s.conditions.size()) run(s.branches.back(), out);
  }

  void run_for(const Statement& s, std::string& out) {
    auto items = iterate(soft(s.expression));
    if (!s.conditions.empty())
      std::erase_if(items, [&](const Value& item) {
        scopes_.emplace_back();
        bind(scopes_.back(), s.names, item);
        const bool keep = truth(soft(s.conditions[0]));
        scopes_.pop_back();
        return !keep;
      });
    const auto n = static_cast<int64_t>(items.size());
    for (int64_t i = 0; i < n; ++i) {
      scopes_.emplace_back();
      bind(scopes_.back(), s.names, items[static_cast<size_t>(i)]);
      scopes_.back()["loop"] = Value::Map{
          {"index", i + 1}, {"index0", i},       {"first", i == 0},       {"last", i + 1 == n},
          {"length", n},    {"revindex", n - i}, {"revindex0", n - i - 1}};
      run(s.branches[0], out);
      scopes_.pop_back();
      const bool done = leaving_ == Leaving::Loop;
      leaving_ = Leaving::Nothing;
      if (done) break;
    }
    if (n == 0 && s.branches.size() > 1) run(s.branches[1], out);
  }

  Value list(const Node& n) {
    Value::List out;
    for (const auto& kid : n.kids) out.push_back(copied(value(kid)));
    return out;
  }
  Value dictionary(const Node& n) {
    Value out{Value::Map{}};
    for (size_t i = 0; i + 1 < n.kids.size(); i += 2)
      out.set(to_text(value(n.kids[i])), copied(value(n.kids[i + 1])));
    return out;
  }
  Value unary(const Node& n) {
    const auto v = n.text == "not" ? soft(n.kids[0]) : value(n.kids[0]);
    if (n.text == "not") return !truth(v);
    if (n.text == "-") return negate(v);
    if (!number(v)) fail("+ before {}", type_name(v));
    return v;
  }
  Value binary_node(const Node& n) {
    auto left = soft(n.kids[0]);
    if (n.text == "and") return truth(left) ? soft(n.kids[1]) : left;
    if (n.text == "or") return truth(left) ? left : soft(n.kids[1]);
    return binary(n.text, left, soft(n.kids[1]), budget_);
  }
  Value attribute(const Node& n) {
    const auto owner = value(n.kids[0]);
    if (owner.is_map()) {
      if (is_method_of_map(n.text))
        fail("'{}' is a method: call it, or use ['{}']", n.text, n.text);
      return at(owner, n.text);
    }
    throw Undefined(fmt::format("{} has no attribute '{}'", type_name(owner), n.text));
  }

  Arguments arguments(const Node& n) {
    Arguments a;
    for (size_t i = 1; i < n.kids.size(); ++i) a.values.push_back(value(n.kids[i]));
    for (const auto& [name, node] : n.named) a.named[name] = value(node);
    return a;
  }

  Value call(const Node& n) {
    const auto& callee = n.kids[0];
    const auto a = arguments(n);
    if (callee.kind == Node::Kind::Attribute)
      return call_method(value(callee.kids[0]), callee.text, a, budget_);
    if (callee.kind == Node::Kind::Name && callee.text == "range") return range(a);
    if (callee.kind == Node::Kind::Name && (callee.text == "namespace" || callee.text == "dict"))
      return map_of(a);
    if (lenient_ && callee.kind == Node::Kind::Name && callee.text == "raise_exception")
      fail("{}", a.values.empty() ? "the template refuses this" : to_text(a.values[0]));
    fail("only methods, range(), dict() and namespace() can be called here");
  }
  /// dict(...) and namespace(...): a map, and what is named.
  Value map_of(const Arguments& a) {
    Value out = a.values.empty() ? Value(Value::Map{}) : a.values[0];
    if (!out.is_map()) fail("dict() and namespace() take a dictionary, or names");
    for (const auto& [name, v] : a.named) out.set(name, v);
    return out;
  }
  Value range(const Arguments& a) {
    const auto first = a.integer(0, "start", 0);
    const bool one = a.values.size() < 2;
    const auto from = one ? 0 : first, to = one ? first : a.integer(1, "stop", 0);
    const auto step = a.integer(2, "step", 1);
    if (step == 0) fail("range() with the step 0");
    Value::List out;
    for (auto i = from; step > 0 ? i < to : i > to;) {
      budget_.spend(1);
      out.emplace_back(i);
      if (__builtin_add_overflow(i, step, &i)) break;
    }
    return out;
  }

  Value filter(const Node& n) {
    const bool fallback = n.text == "default" || n.text == "d";
    Value operand;
    try {
      operand = value(n.kids[0]);
    } catch (const Undefined&) {
      if (!fallback) throw;
      const auto a = arguments(n);
      const auto* given = a.find(0, "default_value");
      return given ? *given : Value("");
    }
    const auto a = arguments(n);
    if (fallback && !truth(operand))
      if (const auto* always = a.find(1, "boolean"); always && truth(*always))
        return *a.find(0, "default_value");
    return apply_filter(n.text, operand, a, budget_);
  }

  Value test(const Node& n) {
    const bool negated = n.text.starts_with("!");
    const auto name = negated ? n.text.substr(1) : n.text;
    bool result = false;
    try {
      const auto operand = value(n.kids[0]);
      result = apply_test(name, operand, arguments(n));
    } catch (const Undefined&) {
      if (name != "defined" && name != "undefined" && !lenient_) throw;
      result = name == "undefined";
    }
    return result != negated;
  }

  enum class Leaving { Nothing, Turn, Loop };  // of a for: one turn of it, or all

  const Value& document_;
  std::vector<Names> scopes_;
  bool lenient_;
  Leaving leaving_ = Leaving::Nothing;
  Budget budget_;
};

/// The one {{ }} of a template that prints nothing else; null if there is more or less.
const Node* lone_output(const Body& body) {
  const Node* only = nullptr;
  for (const auto& s : body.statements) {
    if (s.kind == Statement::Kind::Output && !only)
      only = &s.expression;
    else if (s.kind != Statement::Kind::Set &&
             !(s.kind == Statement::Kind::Text && strip(s.text).empty()))
      return nullptr;
  }
  return only;
}

}  // namespace
}  // namespace jinja

Template::Template(const std::string& source, const std::string& where, Style style)
    : where_(where),
      style_(style),
      body_(
          std::make_unique<const jinja::Body>(jinja::parse(source, where, style == Style::Chat))) {}
Template::~Template() = default;
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;

std::string Template::render(const Value& document) const {
  try {
    std::string out;
    jinja::Rendering(document, style_ == Style::Chat).run(body_->statements, out);
    return out;
  } catch (const Error& e) {
    fail("{}: {}", where_, e.what());
  }
}

Value Template::evaluate(const Value& document) const {
  if (const auto* only = jinja::lone_output(*body_)) try {
      jinja::Rendering rendering(document);
      std::string ignored;
      for (const auto& s : body_->statements)
        if (s.kind == jinja::Statement::Kind::Set) rendering.run({s}, ignored);
      auto value = rendering.value(*only);
      if (!value.is_string()) return value;
    } catch (const Error& e) {
      fail("{}: {}", where_, e.what());
    }
  const auto text = render(document);
  if (!text.starts_with("[") && !text.starts_with("(")) return text;
  return jinja::Rendering(Value(Value::Map{})).value(jinja::parse_expression(text, where_, 1));
}

}  // namespace bench::text
