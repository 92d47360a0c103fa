// Filters and tests of Jinja (jinja2/filters.py, tests.py) and lm-eval's regex_replace.
#include <algorithm>
#include <cmath>
#include <set>

#include "jinja/jinja_values.h"
#include "jinja/python_json.h"
#include "jinja/python_regex.h"
#include "jinja/python_string.h"
#include "base/utf8.h"

namespace bench::text::jinja {
namespace {

/// a.b.0 of an item, as map(attribute=...) and sort(attribute=...) name it.
Value path(Value item, const std::string& attribute) {
  for (const auto& part : split(attribute, ".")) {
    const bool digits = !part.empty() && part.size() < 10 &&
                        part.find_first_not_of("0123456789") == std::string::npos;
    item = item.is_list() && digits ? at(item, Value(int64_t{std::stoll(part)})) : at(item, part);
  }
  return item;
}

Value keyed(const Value& item, const Arguments& a, size_t position) {
  const auto attribute = a.string(position, "attribute", "");
  return attribute.empty() ? item : path(item, attribute);
}

Value to_number(const Value& v, const Arguments& a, bool whole) {
  const auto* given = a.find(0, "default");
  const Value fallback = given ? *given : whole ? Value(0) : Value(0.0);
  if (const auto n = number(v)) {
    if (!whole) return *n;
    if (!v.is_float()) return integer(v, "int");
    return std::abs(*n) < 9e18 ? Value(static_cast<int64_t>(*n)) : fallback;
  }
  if (!v.is_string()) return fallback;
  const auto text = strip(v.string());
  if (whole && a.find(1, "base")) {
    const auto base = a.integer(1, "base", 10);
    if (base < 2 || base > 36) fail("int: the base {} is not supported", base);
    char* end = nullptr;
    const auto i = std::strtoll(text.c_str(), &end, static_cast<int>(base));
    return text.empty() || *end != 0 ? fallback : Value(static_cast<int64_t>(i));
  }
  if (text.find_first_of("xXpP") != std::string::npos) return fallback;  // strtod's, not Python's
  char* end = nullptr;
  const double d = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != 0 || !std::isfinite(d)) return fallback;
  if (!whole) return d;
  return std::abs(d) < 9e18 ? Value(static_cast<int64_t>(d)) : fallback;
}

Value rounded(const Value& v, const Arguments& a) {
  const auto n = number(v);
  if (!n) fail("round: needs a number");
  const auto precision = a.integer(0, "precision", 0);
  const auto method = a.string(1, "method", "common");
  if (method != "common" && method != "ceil" && method != "floor")
    fail("round: method must be common, ceil or floor, not {}", method);
  // Python's round() of a whole number is whole, of a float the nearest decimal of its exact value.
  if (method == "common" && !v.is_float() && precision >= 0) return integer(v, "round");
  if (method == "common" && precision >= 0 && precision < 300)
    return std::strtod(fmt::format("{:.{}f}", *n, precision).c_str(), nullptr);
  const double scale = std::pow(10.0, static_cast<double>(precision));
  const double x = *n * scale;
  return (method == "ceil"    ? std::ceil(x)
          : method == "floor" ? std::floor(x)
                              : std::nearbyint(x)) /
         scale;
}

Value sorted(const Value& v, const Arguments& a) {
  auto list = iterate(v);
  const auto* reverse = a.find(0, "reverse");
  const auto* cased = a.find(1, "case_sensitive");
  const auto fold = [&](const Value& item) {
    auto k = keyed(item, a, 2);
    return k.is_string() && !(cased && truth(*cased)) ? Value(lower_case(k.string())) : k;
  };
  const bool down = reverse && truth(*reverse);
  std::stable_sort(list.begin(), list.end(), [&](const Value& x, const Value& y) {
    return down ? less(fold(y), fold(x)) : less(fold(x), fold(y));
  });
  return list;
}

Value mapped(const Value& v, const Arguments& a, Budget& budget) {
  Value::List out;
  for (const auto& item : iterate(v)) {
    if (a.named.count("attribute")) {
      out.push_back(path(item, a.string(9, "attribute", "")));
    } else {
      Arguments rest = a;
      if (rest.values.empty()) fail("map: needs a filter or attribute=");
      const auto name = text_of(rest.values[0], "map's filter");
      rest.values.erase(rest.values.begin());
      if (name == "map") fail("map: of map is not supported");
      out.push_back(apply_filter(name, item, rest, budget));
    }
  }
  return out;
}

/// select, reject, selectattr, rejectattr.
Value selected(const Value& v, const Arguments& a, bool keep, bool attribute, Budget& budget) {
  Arguments rest = a;
  std::string field, test;
  const auto take = [&] {
    const auto word = text_of(rest.values[0], "a name");
    rest.values.erase(rest.values.begin());
    return word;
  };
  if (attribute) {
    if (rest.values.empty()) fail("selectattr: needs a name");
    field = take();
  }
  if (!rest.values.empty()) test = take();
  Value::List out;
  for (const auto& item : iterate(v)) {
    const auto value = attribute ? path(item, field) : item;
    for (const auto& other : rest.values) budget.spend(other);  // a test may look at all of it
    if ((test.empty() ? truth(value) : apply_test(test, value, rest)) == keep) out.push_back(item);
  }
  return out;
}

Value unique(const Value& v, Budget& budget) {
  Value::List out;
  for (const auto& item : iterate(v)) {
    budget.spend(out.size());
    const auto same = [&](const Value& other) { return equal(other, item); };
    if (std::none_of(out.begin(), out.end(), same)) out.push_back(item);
  }
  return out;
}

Value total(const Value& v, const Arguments& a, Budget& budget) {
  Value sum(0);
  for (const auto& item : iterate(v)) sum = binary("+", sum, keyed(item, a, 0), budget);
  return sum;
}

Value extreme(const Value& v, const Arguments& a, bool largest) {
  auto list = iterate(v);
  if (list.empty()) throw Undefined("min or max of nothing");
  const auto below = [&](const Value& x, const Value& y) {
    return less(keyed(x, a, 1), keyed(y, a, 1));
  };
  return largest ? *std::max_element(list.begin(), list.end(), below)
                 : *std::min_element(list.begin(), list.end(), below);
}

Value joined(const Value& v, const Arguments& a) {
  const auto mark = a.string(0, "d", "");
  std::string out;
  bool first = true;
  for (const auto& item : iterate(v)) {
    if (out.size() > size_t{1} << 26) fail("join: makes too long a string");
    out += (first ? "" : mark) + to_text(keyed(item, a, 1));
    first = false;
  }
  return out;
}

Value end_of(const Value& v, bool first) {
  auto list = iterate(v);
  if (list.empty()) throw Undefined("first or last of nothing");
  return first ? list.front() : list.back();
}

Value reversed(const Value& v) {
  auto list = iterate(v);
  std::reverse(list.begin(), list.end());
  if (!v.is_string()) return list;
  std::string out;
  for (const auto& c : list) out += c.string();
  return out;
}

/// lm-eval's own: re.sub of every match.
Value regex_replaced(const Value& v, const Arguments& a) {
  return PythonRegex(a.string(0, "pattern", ""))
      .sub(text_of(v, "regex_replace's operand"), a.string(1, "repl", ""));
}

/// Jinja's own rule, which is not str.title().
Value titled(const std::string& text) {
  std::string out;
  bool inside = false;
  for (const auto& c : iterate(Value(text))) {
    const auto& one = c.string();
    const bool between = strip(one).empty() ||
                         (one.size() == 1 && std::string("-({[<").find(one) != std::string::npos);
    out += between ? one : inside ? lower_case(one) : upper_case(one);
    inside = !between;
  }
  return out;
}

using Filter = Value (*)(const Value&, const Arguments&, Budget&);
#define FILTER(body)                                           \
  [](const Value& v, const Arguments& a, Budget& b) -> Value { \
    (void)a, (void)b;                                          \
    return body;                                               \
  }
const std::map<std::string, Filter>& filters() {
  static const std::map<std::string, Filter> all{
      {"abs", FILTER(less(v, Value(0)) ? negate(v) : v)},
      {"capitalize", FILTER(capitalize(to_text(v)))},
      {"count", FILTER(length(v))},
      {"d", FILTER(v)},
      {"default", FILTER(v)},
      {"first", FILTER(end_of(v, true))},
      {"float", FILTER(to_number(v, a, false))},
      {"int", FILTER(to_number(v, a, true))},
      {"items", FILTER(call_method(v, "items", a, b))},
      {"join", FILTER(joined(v, a))},
      {"last", FILTER(end_of(v, false))},
      {"length", FILTER(length(v))},
      {"list", FILTER(iterate(v))},
      {"lower", FILTER(lower_case(to_text(v)))},
      {"map", FILTER(mapped(v, a, b))},
      {"max", FILTER(extreme(v, a, true))},
      {"min", FILTER(extreme(v, a, false))},
      {"regex_replace", FILTER(regex_replaced(v, a))},
      {"reject", FILTER(selected(v, a, false, false, b))},
      {"rejectattr", FILTER(selected(v, a, false, true, b))},
      {"replace", FILTER(call_method(Value(to_text(v)), "replace", a, b))},
      {"reverse", FILTER(reversed(v))},
      {"round", FILTER(rounded(v, a))},
      {"safe", FILTER(v)},
      {"select", FILTER(selected(v, a, true, false, b))},
      {"selectattr", FILTER(selected(v, a, true, true, b))},
      {"sort", FILTER(sorted(v, a))},
      {"string", FILTER(to_text(v))},
      {"sum", FILTER(total(v, a, b))},
      {"title", FILTER(titled(to_text(v)))},
      {"tojson", FILTER(html_json(v, a.integer(0, "indent", -1)))},
      {"trim", FILTER(call_method(Value(to_text(v)), "strip", a, b))},
      {"unique", FILTER(unique(v, b))},
      {"upper", FILTER(upper_case(to_text(v)))}};
  return all;
}
#undef FILTER

}  // namespace

Value apply_filter(const std::string& name, const Value& operand, const Arguments& arguments,
                   Budget& budget) {
  const auto it = filters().find(name);
  if (it == filters().end()) {
    std::vector<std::string> known;
    for (const auto& [n, filter] : filters()) known.push_back(n);
    fail("the filter '{}' is not supported; known: {}", name, fmt::join(known, ", "));
  }
  budget.spend(operand);
  auto out = it->second(operand, arguments, budget);
  budget.spend(out);
  return out;
}

bool apply_test(const std::string& name, const Value& v, const Arguments& a) {
  const auto other = [&]() -> const Value& {
    const auto* found = a.find(0, "other");
    if (!found) fail("the test '{}' needs a value", name);
    return *found;
  };
  if (name == "defined") return true;
  if (name == "undefined") return false;
  if (name == "none") return v.is_null();
  if (name == "true") return v.is_bool() && truth(v);
  if (name == "false") return v.is_bool() && !truth(v);
  if (name == "string") return v.is_string();
  if (name == "number") return number(v).has_value();
  if (name == "integer") return v.is_int();
  if (name == "mapping") return v.is_map();
  if (name == "sequence" || name == "iterable") return v.is_list() || v.is_string() || v.is_map();
  if (name == "even") return integer(v, "even") % 2 == 0;
  if (name == "odd") return integer(v, "odd") % 2 != 0;
  if (name == "in") return contains(other(), v);
  if (name == "equalto" || name == "eq" || name == "==") return equal(v, other());
  if (name == "ne") return !equal(v, other());
  if (name == "lt" || name == "lessthan") return less(v, other());
  if (name == "gt" || name == "greaterthan") return less(other(), v);
  if (name == "divisibleby") {
    const auto by = integer(other(), "divisibleby");
    if (by == 0) fail("division by zero");
    return by == -1 || integer(v, "divisibleby") % by == 0;
  }
  fail("the test '{}' is not supported", name);
}

}  // namespace bench::text::jinja
