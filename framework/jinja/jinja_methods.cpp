// Methods of Python's str, list and dict that templates call.
#include <algorithm>

#include "jinja/jinja_values.h"
#include "jinja/python_string.h"
#include "base/utf8.h"

namespace bench::text::jinja {
namespace {

using Text = const std::string&;

void check_product(size_t times, size_t size) {
  if (size > 0 && times > (size_t{1} << 26) / size) fail("a string becomes too long");
}

Value::List as_list(const std::vector<std::string>& parts) {
  return {parts.begin(), parts.end()};
}

/// str.strip(chars) by sides.
std::string strip_of(Text text, const Arguments& a, bool left, bool right) {
  const auto* chars = a.find(0, "chars");
  if (!chars || chars->is_null())
    return left && right ? strip(text) : left ? lstrip(text) : rstrip(text);
  const Value set(text_of(*chars, "chars"));
  auto all = iterate(Value(text));
  auto from = all.begin(), to = all.end();
  while (left && from != to && contains(set, *from)) ++from;
  while (right && from != to && contains(set, *(to - 1))) --to;
  std::string out;
  for (; from != to; ++from) out += from->string();
  return out;
}

std::vector<std::string> cut(Text text, const Arguments& a, bool from_right) {
  const auto most = a.integer(1, "maxsplit", -1);
  const auto* separator = a.find(0, "sep");
  if (!separator || separator->is_null()) {
    auto parts = split_blanks(text);
    if (most >= 0 && static_cast<int64_t>(parts.size()) > most + 1)
      fail("split() with maxsplit needs a separator here");
    return parts;
  }
  const auto& mark = text_of(*separator, "sep");
  if (mark.empty()) fail("an empty separator");
  auto parts = split(text, mark);
  while (most >= 0 && static_cast<int64_t>(parts.size()) > most + 1) {
    if (from_right) {
      parts[0] += mark + parts[1];
      parts.erase(parts.begin() + 1);
    } else {
      parts[parts.size() - 2] += mark + parts.back();
      parts.pop_back();
    }
  }
  return parts;
}

std::string title(Text text) {
  std::string out;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const auto begin = at;
    const auto code = next_code_point(text, at);
    const auto one = text.substr(begin, at - begin);
    const bool letter = is_word(code) && !is_numeric(code) && code != '_';
    out += !letter ? one : inside ? lower_case(one) : capitalize(one);
    inside = letter;
  }
  return out;
}

bool all_digits(Text text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Position in characters, -1 if it is not there.
int64_t find_text(Text text, Text what, bool last) {
  const auto at = last ? text.rfind(what) : text.find(what);
  if (at == std::string::npos) return -1;
  return static_cast<int64_t>(count_chars(std::string_view(text).substr(0, at)));
}

std::string replaced(Text text, const Arguments& a) {
  const auto from = a.string(0, "old", ""), to = a.string(1, "new", "");
  auto most = a.integer(2, "count", -1);
  if (from.empty()) fail("replace() of an empty string");
  check_product(text.size() / from.size(), to.size());
  if (most < 0) return replace_all(text, from, to);
  std::string out;
  size_t at = 0;
  for (size_t hit; most-- > 0 && (hit = text.find(from, at)) != std::string::npos;
       at = hit + from.size())
    out.append(text, at, hit - at) += to;
  return out.append(text, at);
}

bool starts_or_ends(Text text, const Arguments& a, bool at_start) {
  const auto* v = a.find(0, "prefix");
  if (!v) fail("startswith() and endswith() need a string");
  const auto one = [&](const Value& part) {
    const auto& t = text_of(part, "a prefix or suffix");
    return at_start ? text.starts_with(t) : text.ends_with(t);
  };
  if (!v->is_list()) return one(*v);
  return std::any_of(v->list().begin(), v->list().end(), one);
}

Value joined(Text text, const Arguments& a) {
  const auto* parts = a.find(0, "iterable");
  if (!parts) fail("join() needs a list");
  std::string out;
  bool first = true;
  check_product(static_cast<size_t>(length(*parts)), text.size());
  for (const auto& p : iterate(*parts)) {
    if (!first) out += text;
    out += text_of(p, "an item of join()");
    first = false;
  }
  return out;
}

using Method = Value (*)(Text, const Arguments&);
const std::map<std::string, Method>& string_methods() {
  static const std::map<std::string, Method> all{
      {"strip", [](Text t, const Arguments& a) { return Value(strip_of(t, a, true, true)); }},
      {"lstrip", [](Text t, const Arguments& a) { return Value(strip_of(t, a, true, false)); }},
      {"rstrip", [](Text t, const Arguments& a) { return Value(strip_of(t, a, false, true)); }},
      {"split", [](Text t, const Arguments& a) { return Value(as_list(cut(t, a, false))); }},
      {"rsplit", [](Text t, const Arguments& a) { return Value(as_list(cut(t, a, true))); }},
      {"replace", [](Text t, const Arguments& a) { return Value(replaced(t, a)); }},
      {"upper", [](Text t, const Arguments&) { return Value(upper_case(t)); }},
      {"lower", [](Text t, const Arguments&) { return Value(lower_case(t)); }},
      {"capitalize", [](Text t, const Arguments&) { return Value(capitalize(t)); }},
      {"title", [](Text t, const Arguments&) { return Value(title(t)); }},
      {"isdigit", [](Text t, const Arguments&) { return Value(all_digits(t)); }},
      {"startswith", [](Text t, const Arguments& a) { return Value(starts_or_ends(t, a, true)); }},
      {"endswith", [](Text t, const Arguments& a) { return Value(starts_or_ends(t, a, false)); }},
      {"find",
       [](Text t, const Arguments& a) {
         return Value(find_text(t, a.string(0, "sub", ""), false));
       }},
      {"rfind",
       [](Text t, const Arguments& a) {
         return Value(find_text(t, a.string(0, "sub", ""), true));
       }},
      {"index",
       [](Text t, const Arguments& a) {
         const auto what = a.string(0, "sub", "");
         const auto at = find_text(t, what, false);
         if (at < 0) fail("index(): '{}' is not in the string", what);
         return Value(at);
       }},
      {"count",
       [](Text t, const Arguments& a) {
         const auto what = a.string(0, "sub", "");
         if (what.empty()) fail("count() of an empty string");
         return Value(static_cast<int64_t>(split(t, what).size()) - 1);
       }},
      {"join", joined}};
  return all;
}

Value list_method(const Value::List& list, const std::string& name, const Arguments& a) {
  const auto* item = a.find(0, "value");
  if ((name == "index" || name == "count") && item) {
    const auto hits =
        std::count_if(list.begin(), list.end(), [&](const Value& v) { return equal(v, *item); });
    if (name == "count") return static_cast<int64_t>(hits);
    if (hits == 0) fail("index(): {} is not in the list", to_text(*item));
    const auto at =
        std::find_if(list.begin(), list.end(), [&](const Value& v) { return equal(v, *item); });
    return static_cast<int64_t>(at - list.begin());
  }
  fail("lists have no method '{}' here; known: index, count", name);
}

Value map_method(const Value& map, const std::string& name, const Arguments& a) {
  if (name == "get") {
    const auto* key = a.find(0, "key");
    if (!key) fail("get() needs a key");
    if (const auto* found = map.find(to_text(*key))) return *found;
    const auto* fallback = a.find(1, "default");
    return fallback ? *fallback : Value();
  }
  Value::List out;
  for (const auto& e : map.map()) {
    if (name == "keys")
      out.emplace_back(e.key);
    else if (name == "values")
      out.push_back(e.value);
    else
      out.push_back(Value::List{Value(e.key), e.value});
  }
  return out;
}

}  // namespace

bool is_method_of_map(const std::string& name) {
  return name == "items" || name == "keys" || name == "values" || name == "get";
}

Value call_method(const Value& owner, const std::string& name, const Arguments& arguments,
                  Budget& budget) {
  Value out;
  if (owner.is_string()) {
    const auto it = string_methods().find(name);
    if (it == string_methods().end()) {
      std::vector<std::string> known;
      for (const auto& [n, method] : string_methods()) known.push_back(n);
      fail("strings have no method '{}' here; known: {}", name, fmt::join(known, ", "));
    }
    budget.spend(owner);
    for (const auto& v : arguments.values) budget.spend(v);
    out = it->second(owner.string(), arguments);
  } else if (owner.is_list()) {
    out = list_method(owner.list(), name, arguments);
  } else if (owner.is_map() && is_method_of_map(name)) {
    out = map_method(owner, name, arguments);
  } else {
    fail("{} has no method '{}'", type_name(owner), name);
  }
  budget.spend(out);
  return out;
}

}  // namespace bench::text::jinja
