#include <algorithm>
#include <cctype>
#include <cmath>

#include "base/error.h"
#include "hydra/yaml/scalar.h"
#include "hydra/yaml/yaml_text.h"

namespace bench {
namespace {

/// Without underscores, in lower case.
std::string bare(const std::string& text) {
  std::string out;
  for (const char c : text)
    if (c != '_') out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

/// Takes a sign away; is it a minus?
bool take_sign(std::string& text) {
  const bool minus = text[0] == '-';
  if (minus || text[0] == '+') text.erase(0, 1);
  return minus;
}

/// 1:30 by sixties, or one number.
template <class T, class F>
std::optional<T> by_sixties(const std::string& text, F parse) {
  T total = 0;
  for (size_t from = 0; from <= text.size();) {
    const size_t end = std::min(text.find(':', from), text.size());
    const std::optional<T> part = parse(text.substr(from, end - from));
    if (!part || std::abs(static_cast<double>(total)) > 1e16) return std::nullopt;
    total = total * 60 + *part;
    from = end + 1;
  }
  return total;
}

/// PyYAML's construct_yaml_int: more than the pattern of a plain int, such as 11:60.
std::optional<Value> int_of(std::string text) {
  text = bare(text);
  const bool minus = take_sign(text);
  const int base = text.rfind("0b", 0) == 0            ? 2
                   : text.rfind("0x", 0) == 0          ? 16
                   : text.size() > 1 && text[0] == '0' ? 8
                                                       : 10;
  const auto number =
      base != 10 ? parse_int(text.substr(base != 8 || text[1] == 'o' ? 2 : 0), base)
                 : by_sixties<int64_t>(text, [](const auto& part) { return python_int(part); });
  return number ? std::optional(Value(minus ? -*number : *number)) : std::nullopt;
}

/// PyYAML's construct_yaml_float.
std::optional<Value> float_of(std::string text) {
  text = bare(text);
  const bool minus = take_sign(text);
  if (text == ".inf" || text == ".nan") text.erase(0, 1);
  const auto number = by_sixties<double>(text, [](const auto& part) { return parse_float(part); });
  return number ? std::optional(Value(minus ? -*number : *number)) : std::nullopt;
}

std::optional<Value> bool_of(const std::string& text) {
  const auto word = bare(text);
  if (word == "yes" || word == "true" || word == "on") return true;
  if (word == "no" || word == "false" || word == "off") return false;
  return std::nullopt;
}

}  // namespace

Value tagged_scalar(const std::string& tag, const std::string& text) {
  static const std::string kCore = "tag:yaml.org,2002:";
  if (tag == "!" || tag.empty() || tag == kCore + "str") return text;
  if (tag == "?") return yaml_scalar(text);
  const std::string kind = tag.rfind(kCore, 0) == 0 ? tag.substr(kCore.size()) : "";
  if (kind == "null") return {};
  if (kind != "int" && kind != "float" && kind != "bool")
    fail("unknown tag '{}'; known: !!str !!int !!float !!bool !!null !!map !!seq", tag);
  const auto value = kind == "int"     ? int_of(text)
                     : kind == "float" ? float_of(text)
                                       : bool_of(text);
  if (!value) fail("'{}' is no {}", text, kind);
  return *value;
}

Value empty_scalar(const std::string& properties) {
  // `!!str` and `!` alone are the empty text (libyaml parser.c, process_empty_scalar).
  auto tag = properties;
  if (tag.rfind("&", 0) == 0) tag = tag.substr(std::min(tag.find(' '), tag.size()));
  tag.erase(0, tag.find_first_not_of(' '));
  tag = tag.substr(0, tag.find(' '));
  if (tag == "!!str" || tag == "!") return "";
  if (tag.empty() || tag[0] != '!' || tag == "!!null") return {};
  fail("the tag '{}' needs a value", tag);
}

}  // namespace bench
