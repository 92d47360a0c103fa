#include "hydra/yaml/scalar.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "base/error.h"

namespace bench {
namespace {

bool digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> all) {
  for (const auto one : all)
    if (text == one) return true;
  return false;
}

/// A cursor over the text; each step consumes what it matches, so that the patterns of PyYAML's
/// resolver.py read here in their own order.
struct Cursor {
  std::string_view text;
  size_t at = 0;

  bool end() const { return at == text.size(); }
  char peek() const { return end() ? '\0' : text[at]; }
  bool take(char c) {
    if (peek() != c || end()) return false;
    ++at;
    return true;
  }
  bool sign() { return take('-') || take('+'); }
  size_t digits() {
    const size_t from = at;
    while (digit(peek())) ++at;
    return at - from;
  }
  size_t loose() {  // [0-9_]*
    const size_t from = at;
    while (digit(peek()) || peek() == '_') ++at;
    return at - from;
  }
  bool grouped() {  // [0-9]+(?:_[0-9]+)*
    if (!digits()) return false;
    while (peek() == '_' && at + 1 < text.size() && digit(text[at + 1])) ++at, digits();
    return true;
  }
  bool exponent(bool sign_needed) {
    if (peek() != 'e' && peek() != 'E') return false;
    const size_t from = at++;
    const bool has_sign = sign();
    if ((has_sign || !sign_needed) && digits()) return true;
    at = from;
    return false;
  }
  int sexagesimal() {  // (?::[0-5]?[0-9])+
    int parts = 0;
    while (peek() == ':') {
      const size_t from = at++;
      const char first = peek();
      if (!digits() || at - from > 3 || (at - from == 3 && first > '5')) {
        at = from;
        break;
      }
      ++parts;
    }
    return parts;
  }
};

/// Both float patterns that are active: PyYAML's own and the one OmegaConf adds (_yaml.py).
bool is_float(std::string_view text) {
  const auto matches = [&](auto pattern) {
    Cursor c{text};
    return pattern(c) && c.end();
  };
  const auto point = [](Cursor& c) {  // 1_0.5e-3
    c.sign();
    if (!c.grouped() || !c.take('.')) return false;
    c.loose();
    c.exponent(false);
    return true;
  };
  const auto loose_point = [](Cursor& c) {  // PyYAML: 1__0.5e-3
    c.sign();
    if (!digit(c.peek()) || !c.loose() || !c.take('.')) return false;
    c.loose();
    c.exponent(true);
    return true;
  };
  const auto whole = [](Cursor& c) {  // 1_0e3
    c.sign();
    return c.grouped() && c.exponent(false);
  };
  const auto leading = [](Cursor& c) {  // .5e-3, without a sign
    if (!c.take('.') || !digit(c.peek())) return false;
    c.loose();
    c.exponent(true);
    return true;
  };
  const auto sexagesimal = [](Cursor& c) {  // 1:30.5
    c.sign();
    if (!digit(c.peek()) || !c.loose() || !c.sexagesimal() || !c.take('.')) return false;
    c.loose();
    return true;
  };
  return matches(point) || matches(loose_point) || matches(whole) || matches(leading) ||
         matches(sexagesimal);
}

std::string without_underscores(std::string_view text) {
  std::string out;
  for (const char c : text)
    if (c != '_') out += c;
  return out;
}

template <class T>
T base_sixty(std::string_view text, T (*part)(std::string_view)) {
  T total = 0;
  for (size_t from = 0; from <= text.size();) {
    const size_t colon = std::min(text.find(':', from), text.size());
    total = total * 60 + part(text.substr(from, colon - from));
    from = colon + 1;
  }
  return total;
}

Value float_value(std::string_view text) {
  auto clean = without_underscores(text);
  const double sign = clean[0] == '-' ? -1 : 1;
  if (clean[0] == '-' || clean[0] == '+') clean.erase(0, 1);
  if (clean.find(':') == std::string::npos) return Value(sign * parse_float(clean).value());
  return Value(sign * base_sixty<double>(
                          clean, [](std::string_view part) { return parse_float(part).value(); }));
}

std::optional<Value> int_value(std::string_view text) {
  Cursor c{text};
  const bool negative = c.peek() == '-';
  c.sign();
  const auto body = text.substr(c.at);
  if (body.empty() || !digit(body[0])) return std::nullopt;
  const auto signed_value = [&](int base, std::string_view digits) -> std::optional<Value> {
    const auto clean = without_underscores(digits);
    if (clean.empty()) return base == 8 ? std::optional<Value>(0) : std::nullopt;  // "0_"
    const auto value = parse_int((negative ? "-" : "") + clean, base);
    return value ? std::optional<Value>(*value) : std::nullopt;
  };
  if (body.size() > 2 && body[0] == '0' && (body[1] == 'b' || body[1] == 'x')) {
    // PyYAML takes it for a number, and Python's int() then refuses it.
    if (body.find_first_not_of('_', 2) == std::string_view::npos)
      fail("'{}' is no number; quote it if it is meant as text", text);
    return signed_value(body[1] == 'b' ? 2 : 16, body.substr(2));
  }
  if (body.size() > 1 && body[0] == '0') return signed_value(8, body.substr(1));
  c.loose();
  if (c.end()) return signed_value(10, body);
  if (!c.sexagesimal() || !c.end() || body[0] == '0') return std::nullopt;
  if (body.size() > 15) fail("the number '{}' is too large", text);
  const auto value = base_sixty<int64_t>(
      without_underscores(body), [](std::string_view part) { return parse_int(part).value(); });
  return Value(negative ? -value : value);
}

}  // namespace

std::optional<int64_t> parse_int(std::string_view text, int base) {
  auto clean = without_underscores(text);
  if (!clean.empty() && clean[0] == '+') clean.erase(0, 1);
  int64_t value = 0;
  const char* const end = clean.data() + clean.size();
  const auto [stop, error] = std::from_chars(clean.data(), end, value, base);
  if (error == std::errc::result_out_of_range && stop == end)
    fail("the number '{}' does not fit 64 bits; quote it if it is meant as text", text);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::optional<int64_t> python_int(std::string_view text) {
  const auto from = text.find_first_not_of(" \t\n\r\f\v");
  if (from == std::string_view::npos) return std::nullopt;
  text = text.substr(from, text.find_last_not_of(" \t\n\r\f\v") + 1 - from);
  const auto digits = text[0] == '-' || text[0] == '+' ? text.substr(1) : text;
  if (digits.empty() || digits.front() == '_' || digits.back() == '_' ||
      digits.find("__") != std::string_view::npos)
    return std::nullopt;
  return parse_int(text);
}

std::optional<double> parse_float(std::string_view text) {
  const auto clean = without_underscores(text);
  const std::string_view body = clean;
  const char* const begin = clean.data() + (!body.empty() && body[0] == '+' ? 1 : 0);
  const char* const end = clean.data() + clean.size();
  double value = 0;
  const auto [stop, error] = std::from_chars(begin, end, value);
  if (stop != end || begin == end) return std::nullopt;
  if (error == std::errc::result_out_of_range) return std::strtod(clean.c_str(), nullptr);
  return error == std::errc() ? std::optional(value) : std::nullopt;
}

Value yaml_scalar(std::string_view text) {
  if (is_one_of(text, {"", "~", "null", "Null", "NULL"})) return {};
  if (is_one_of(text, {"yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"})) return true;
  if (is_one_of(text, {"no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"}))
    return false;
  const double inf = std::numeric_limits<double>::infinity();
  if (is_one_of(text, {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"})) return inf;
  if (is_one_of(text, {"-.inf", "-.Inf", "-.INF"})) return -inf;
  if (is_one_of(text, {".nan", ".NaN", ".NAN"})) return std::numeric_limits<double>::quiet_NaN();
  if (std::string_view("-+.0123456789").find(text[0]) == std::string_view::npos)
    return std::string(text);
  if (is_float(text)) return float_value(text);
  if (const auto number = int_value(text)) return *number;
  return std::string(text);
}

Value key_value(const Value::Entry& entry) {
  switch (entry.kind) {
    case Value::Entry::Kind::Int:
      return parse_int(entry.key).value_or(0);
    case Value::Entry::Kind::Float: {
      if (const auto number = parse_float(entry.key)) return *number;
      return yaml_scalar(entry.key);
    }
    case Value::Entry::Kind::Bool:
      return entry.key == "true";
    case Value::Entry::Kind::Null:
      return {};
    default:
      return entry.key;
  }
}

Value::Entry make_entry(const Value& key, Value value) {
  using Kind = Value::Entry::Kind;
  if (key.is_string()) return {key.string(), std::move(value)};
  if (key.is_int())
    return {std::to_string(std::get<int64_t>(key.data)), std::move(value), Kind::Int};
  if (key.is_float())
    return {python_float(std::get<double>(key.data)), std::move(value), Kind::Float};
  if (key.is_bool())
    return {std::get<bool>(key.data) ? "true" : "false", std::move(value), Kind::Bool};
  if (key.is_null()) return {"null", std::move(value), Kind::Null};
  fail("Incompatible key type '{}'; a key is text, a number or a bool: quote it", type_name(key));
}

}  // namespace bench
