#include <algorithm>

#include "base/error.h"
#include "hydra/override/override.h"
#include "hydra/interpolation/resolver.h"
#include "hydra/yaml/scalar.h"

namespace bench {
namespace {

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\()[]{}:=, \t").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

/// The inverse of reading a quoted text: backslashes before a quote, or the end, are doubled.
std::string with_quotes(const std::string& text, char quote) {
  std::string out(1, quote);
  size_t run = 0;
  for (const char c : text + quote) {
    if (c == '\\') {
      ++run;
      continue;
    }
    out += std::string(c == quote ? 2 * run : run, '\\');
    if (c == quote) out += '\\';
    out += c;
    run = 0;
  }
  out.erase(out.size() - 2, 1);  // the closing quote itself is not escaped
  return out;
}

}  // namespace

std::string unquoted(std::string_view quoted) {
  std::string text;
  size_t run = 0;
  for (const char c : quoted.substr(1)) {
    if (c == '\\') {
      ++run;
      continue;
    }
    text += std::string(c == quoted[0] ? run / 2 : run, '\\') + c;
    run = 0;
  }
  text.pop_back();
  return text;
}

std::string element_text(const Element& e) {
  std::string out;
  switch (e.kind) {
    case Element::Kind::Quoted:
      return with_quotes(e.value.string(), e.quote);
    case Element::Kind::Plain:
      if (e.value.is_null()) return "null";
      return e.value.is_string() ? escaped(e.value.string()) : python_str(e.value);
    case Element::Kind::List:
      for (const auto& item : e.items) out += (out.empty() ? "" : ",") + element_text(item);
      return "[" + out + "]";
    case Element::Kind::Map:
      for (size_t i = 0; i < e.items.size(); i += 2)
        out += (out.empty() ? "" : ",") + element_text(e.items[i]) + ":" +
               element_text(e.items[i + 1]);
      return "{" + out + "}";
    case Element::Kind::Sweep:
      break;
  }
  fail("a sweep stands inside another value; sweep the whole key instead");
}

Value element_value(const Element& e) {
  if (e.kind == Element::Kind::Sweep)
    fail("a sweep stands inside another value; sweep the whole key instead");
  if (e.kind == Element::Kind::List) {
    Value::List list;
    for (const auto& item : e.items) list.push_back(element_value(item));
    return list;
  }
  if (e.kind == Element::Kind::Map) {
    Value::Map map;
    for (size_t i = 0; i < e.items.size(); i += 2)
      put_like_python(map, make_entry(e.items[i].value, element_value(e.items[i + 1])));
    return map;
  }
  return e.value;
}

Element plain_element(Value value) {
  Element e;
  e.value = std::move(value);
  return e;
}

Element simple_choice(std::vector<Element> list) {
  Element e;
  e.kind = Element::Kind::Sweep;
  e.sweep = std::make_shared<Sweep>();
  e.sweep->kind = Sweep::Kind::SimpleChoice;
  e.sweep->list = std::move(list);
  return e;
}

Element element_of(const Value& value) {
  Element e;
  if (value.is_list()) {
    e.kind = Element::Kind::List;
    for (const auto& item : value.list()) e.items.push_back(element_of(item));
  } else if (value.is_map()) {
    e.kind = Element::Kind::Map;
    for (const auto& entry : value.map()) {
      e.items.push_back(element_of(key_value(entry)));
      e.items.push_back(element_of(entry.value));
    }
  } else {
    e.value = value;
    // A text that the grammar would read as something else keeps its type in quotes.
    if (value.is_string()) {
      bool plain = false;
      try {
        const auto again = parse_override_value(escaped(value.string()));
        plain = again.kind == Element::Kind::Plain && again.value == value;
      } catch (const Error&) {
      }
      if (!plain || value.string().empty()) e.kind = Element::Kind::Quoted, e.quote = '"';
    }
  }
  return e;
}

std::string Override::key_text() const {
  static const char* const kPrefix[] = {"", "+", "++", "~", ""};
  return kPrefix[static_cast<int>(type)] + key + (package ? "@" + *package : "");
}

Value Override::plain_value() const {
  return value ? element_value(*value) : Value();
}

std::vector<Override> parse_overrides(const std::vector<std::string>& inputs) {
  std::vector<Override> overrides;
  for (const auto& input : inputs) {
    try {
      overrides.push_back(parse_override(input));
    } catch (const Error& e) {
      fail("Error when parsing index: {}, string: {}\n{}", overrides.size(), input, e.what());
    }
  }
  return overrides;
}

}  // namespace bench
