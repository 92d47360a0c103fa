// str() and repr() of Python: OmegaConf joins mixed interpolations with them (specification 4).
#include <fmt/format.h>

#include "hydra/yaml/scalar.h"

namespace bench {
namespace {

std::string quoted(const std::string& text) {
  const bool has_single = text.find('\'') != std::string::npos;
  const char quote = has_single && text.find('"') == std::string::npos ? '"' : '\'';
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote || c == '\\')
      out += '\\', out += c;
    else if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (c == '\r')
      out += "\\r";
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(c));
    else
      out += c;
  }
  return out + quote;
}

}  // namespace

std::string python_repr(const Value& value) {
  return value.is_string() ? quoted(value.string()) : python_str(value);
}

std::string python_str(const Value& value) {
  if (value.is_null()) return "None";
  if (value.is_bool()) return std::get<bool>(value.data) ? "True" : "False";
  if (value.is_int()) return std::to_string(std::get<int64_t>(value.data));
  if (value.is_float()) return python_float(std::get<double>(value.data));
  if (value.is_string()) return value.string();
  std::string out;
  if (value.is_list()) {
    for (const auto& item : value.list()) out += (out.empty() ? "" : ", ") + python_repr(item);
    return "[" + out + "]";
  }
  for (const auto& entry : value.map())
    out +=
        (out.empty() ? "" : ", ") + python_repr(key_value(entry)) + ": " + python_repr(entry.value);
  return "{" + out + "}";
}

}  // namespace bench
