#include "base/error.h"
#include "config/scalar.h"
#include "config/yaml_text.h"

namespace bench {

Value tagged_scalar(const std::string& tag, const std::string& text) {
  static const std::string kCore = "tag:yaml.org,2002:";
  if (tag == "!" || tag.empty() || tag == kCore + "str") return text;
  const auto plain = yaml_scalar(text);
  if (tag == "?") return plain;
  const std::string kind = tag.rfind(kCore, 0) == 0 ? tag.substr(kCore.size()) : "";
  if (kind == "null") return {};
  if (kind == "bool" && plain.is_bool()) return plain;
  if (kind == "int" && plain.is_int()) return plain;
  if (kind == "float" && plain.is_float()) return plain;
  if (kind == "float" && plain.is_int()) return static_cast<double>(std::get<int64_t>(plain.data));
  if (kind == "int" || kind == "float" || kind == "bool") fail("'{}' is no {}", text, kind);
  fail("unknown tag '{}'; known: !!str !!int !!float !!bool !!null !!map !!seq", tag);
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
