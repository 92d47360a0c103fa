#include "jinja/jinja_values.h"

#include <algorithm>
#include <cmath>

#include "hydra/yaml/scalar.h"
#include "base/utf8.h"

namespace bench::text::jinja {
namespace {

size_t weight(const Value& v) {
  if (v.is_string()) return 1 + v.string().size() / 16;
  size_t all = 1;
  if (v.is_list())
    for (const auto& item : v.list()) all += weight(item);
  if (v.is_map())
    for (const auto& entry : v.map()) all += 1 + entry.key.size() / 16 + weight(entry.value);
  return all;
}

[[noreturn]] void unfit(const std::string& op, const Value& a, const Value& b) {
  fail("{} {} {} is not defined", type_name(a), op, type_name(b));
}

std::optional<int64_t> whole(const Value& v) {
  if (v.is_bool()) return std::get<bool>(v.data);
  if (v.is_int()) return std::get<int64_t>(v.data);
  return std::nullopt;
}

int64_t floor_div(int64_t a, int64_t b) {
  const auto q = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

Value whole_result(const std::string& op, int64_t a, int64_t b) {
  int64_t r = 0;
  bool over = false;
  if (op == "+") over = __builtin_add_overflow(a, b, &r);
  if (op == "-") over = __builtin_sub_overflow(a, b, &r);
  if (op == "*") over = __builtin_mul_overflow(a, b, &r);
  if (op == "**") {
    r = 1;
    for (int64_t i = 0; i < b && !over && i < 64; ++i) over = __builtin_mul_overflow(r, a, &r);
    over = over || (b > 64 && a != 0 && a != 1);
  }
  if (op == "//" || op == "%") {
    if (b == 0) fail("division by zero");
    if (b == -1 && a == INT64_MIN)
      over = true;
    else
      r = op == "%" ? a - floor_div(a, b) * b : floor_div(a, b);
  }
  if (over) fail("an integer is too large");
  return r;
}

Value numeric(const std::string& op, const Value& a, const Value& b) {
  const auto i = whole(a), j = whole(b);
  if (i && j && op != "/" && !(op == "**" && *j < 0)) return whole_result(op, *i, *j);
  const double x = *number(a), y = *number(b);
  if (op == "+") return x + y;
  if (op == "-") return x - y;
  if (op == "*") return x * y;
  if (op == "**") return std::pow(x, y);
  if (y == 0) fail("division by zero");
  if (op == "/") return x / y;
  return op == "//" ? std::floor(x / y) : x - std::floor(x / y) * y;
}

/// Offsets of the characters of a text, its end included.
std::vector<size_t> characters(const std::string& text) {
  std::vector<size_t> starts;
  for (size_t at = 0; at < text.size(); at += char_length(text[at])) starts.push_back(at);
  starts.push_back(text.size());
  return starts;
}

Value repeated(const Value& v, int64_t times, Budget& budget) {
  times = std::max<int64_t>(times, 0);
  const auto each = weight(v);
  if (static_cast<size_t>(times) > 10'000'000 / each) fail("a repetition is too long");
  budget.spend(each * static_cast<size_t>(times));
  if (v.is_string()) {
    std::string out;
    for (int64_t i = 0; i < times; ++i) out += v.string();
    return out;
  }
  Value::List out;
  for (int64_t i = 0; i < times; ++i) out.insert(out.end(), v.list().begin(), v.list().end());
  return out;
}

}  // namespace

void Budget::spend(size_t cost) {
  if (cost > left_) fail("the template takes too long or makes too much");
  left_ -= cost;
}
void Budget::spend(const Value& value) {
  spend(weight(value));
}

const Value* Arguments::find(size_t position, const std::string& name) const {
  if (position < values.size()) return &values[position];
  const auto it = named.find(name);
  return it == named.end() ? nullptr : &it->second;
}
std::string Arguments::string(size_t position, const std::string& name,
                              const std::string& fallback) const {
  const auto* v = find(position, name);
  return v ? text_of(*v, name.c_str()) : fallback;
}
int64_t Arguments::integer(size_t position, const std::string& name, int64_t fallback) const {
  const auto* v = find(position, name);
  return v ? jinja::integer(*v, name.c_str()) : fallback;
}

bool truth(const Value& v) {
  if (v.is_null()) return false;
  if (const auto n = number(v)) return *n != 0;
  if (v.is_string()) return !v.string().empty();
  return v.is_list() ? !v.list().empty() : !v.map().empty();
}

std::optional<double> number(const Value& v) {
  if (const auto i = whole(v)) return static_cast<double>(*i);
  if (v.is_float()) return std::get<double>(v.data);
  return std::nullopt;
}

bool equal(const Value& a, const Value& b) {
  const auto x = number(a), y = number(b);
  if (x && y) return *x == *y;
  if (a.is_list() && b.is_list())
    return std::equal(a.list().begin(), a.list().end(), b.list().begin(), b.list().end(), equal);
  return a == b;
}

bool less(const Value& a, const Value& b) {
  const auto x = number(a), y = number(b);
  if (x && y) return *x < *y;
  if (a.is_string() && b.is_string()) return a.string() < b.string();
  if (a.is_list() && b.is_list())
    return std::lexicographical_compare(a.list().begin(), a.list().end(), b.list().begin(),
                                        b.list().end(), less);
  unfit("<", a, b);
}

bool contains(const Value& container, const Value& item) {
  if (container.is_string())
    return container.string().find(text_of(item, "what is looked for")) != std::string::npos;
  if (container.is_map()) return item.is_string() && container.find(item.string());
  if (!container.is_list()) unfit("in", item, container);
  const auto& list = container.list();
  return std::any_of(list.begin(), list.end(), [&](const Value& v) { return equal(v, item); });
}

std::string to_text(const Value& v) {
  return python_str(v);
}

int64_t integer(const Value& v, const char* what) {
  const auto i = whole(v);
  if (!i) fail("{} must be an integer, not {}", what, type_name(v));
  return *i;
}

const std::string& text_of(const Value& v, const char* what) {
  if (!v.is_string()) fail("{} must be a string, not {}", what, type_name(v));
  return v.string();
}

int64_t length(const Value& v) {
  if (v.is_string()) return static_cast<int64_t>(characters(v.string()).size()) - 1;
  if (v.is_list()) return static_cast<int64_t>(v.list().size());
  if (v.is_map()) return static_cast<int64_t>(v.map().size());
  fail("{} has no length", type_name(v));
}

Value::List iterate(const Value& v) {
  if (v.is_list()) return v.list();
  Value::List out;
  if (v.is_map()) {
    for (const auto& entry : v.map()) out.emplace_back(entry.key);
  } else {
    const auto& text = text_of(v, "what is iterated");
    const auto starts = characters(text);
    for (size_t i = 0; i + 1 < starts.size(); ++i)
      out.emplace_back(text.substr(starts[i], starts[i + 1] - starts[i]));
  }
  return out;
}

Value binary(const std::string& op, const Value& a, const Value& b, Budget& budget) {
  budget.spend(a);  // comparisons look at all of it, too
  budget.spend(b);
  if (op == "==") return equal(a, b);
  if (op == "!=") return !equal(a, b);
  if (op == "<") return less(a, b);
  if (op == ">") return less(b, a);
  if (op == "<=") return less(a, b) || equal(a, b);
  if (op == ">=") return less(b, a) || equal(a, b);
  if (op == "in") return contains(b, a);
  if (op == "not in") return !contains(b, a);
  if (op == "~") return to_text(a) + to_text(b);
  if (number(a) && number(b)) return numeric(op, a, b);
  if (op == "+" && a.is_string() && b.is_string()) return a.string() + b.string();
  if (op == "+" && a.is_list() && b.is_list()) {
    auto out = a.list();
    out.insert(out.end(), b.list().begin(), b.list().end());
    return out;
  }
  if (op == "*" && (a.is_string() || a.is_list()) && whole(b))
    return repeated(a, *whole(b), budget);
  if (op == "*" && (b.is_string() || b.is_list()) && whole(a))
    return repeated(b, *whole(a), budget);
  unfit(op, a, b);
}

Value negate(const Value& v) {
  if (v.is_float()) return -std::get<double>(v.data);
  return whole_result("-", 0, integer(v, "what follows a minus"));
}

Value at(const Value& owner, const Value& key) {
  if (owner.is_map()) {
    if (const auto* found = owner.find(to_text(key))) return *found;
    throw Undefined(fmt::format("the key '{}' is not there", to_text(key)));
  }
  if (!owner.is_list() && !owner.is_string()) unfit("[...]", owner, key);
  const auto n = length(owner);
  auto i = integer(key, "a position");
  if (i < 0) i += n;
  if (i < 0 || i >= n) throw Undefined(fmt::format("there is no position {} of {}", i, n));
  return iterate(owner)[static_cast<size_t>(i)];
}

Value slice(const Value& owner, const Value& begin, const Value& end, const Value& step) {
  const auto n = length(owner);
  const auto by = step.is_null() ? 1 : integer(step, "a step");
  if (by == 0) fail("a slice's step is 0");
  const auto clamp = [&](const Value& v, int64_t fallback) {
    if (v.is_null()) return fallback;
    auto i = integer(v, "a position");
    if (i < 0) i += n;
    return by > 0 ? std::clamp<int64_t>(i, 0, n) : std::clamp<int64_t>(i, -1, n - 1);
  };
  const auto from = clamp(begin, by > 0 ? 0 : n - 1), to = clamp(end, by > 0 ? n : -1);
  const auto all = iterate(owner);
  Value::List out;
  for (auto i = from; by > 0 ? i < to : i > to;) {
    out.push_back(all[static_cast<size_t>(i)]);
    if (__builtin_add_overflow(i, by, &i)) break;
  }
  if (!owner.is_string()) return out;
  std::string text;
  for (const auto& c : out) text += c.string();
  return text;
}

}  // namespace bench::text::jinja
