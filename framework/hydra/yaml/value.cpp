#include "hydra/yaml/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <set>

namespace bench {
namespace {

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20)
          out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        else
          out += c;
    }
  return out + "\"";
}

std::string number(double d) {
  if (!std::isfinite(d)) return std::isnan(d) ? "\"nan\"" : d > 0 ? "\"inf\"" : "\"-inf\"";
  auto text = fmt::format("{}", d);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

}  // namespace

FileName::FileName(std::string text) {
  static std::mutex mutex;
  static auto* names = new std::set<std::string>;  // outlives every value
  if (text.empty()) return;
  const std::lock_guard lock(mutex);
  text_ = &*names->insert(std::move(text)).first;
}

const std::string& FileName::text() const {
  static const std::string kNone;
  return text_ ? *text_ : kNone;
}

const Value* Value::find(const std::string& key) const {
  if (!is_map()) return nullptr;
  for (const auto& entry : map())
    if (entry.kind == Entry::Kind::Text && entry.key == key) return &entry.value;
  return nullptr;
}

Value* Value::find(const std::string& key) {
  return const_cast<Value*>(static_cast<const Value*>(this)->find(key));
}

void Value::set(const std::string& key, Value value) {
  if (is_null()) data = Map{};
  if (auto* old = find(key))
    *old = std::move(value);
  else
    map().push_back({key, std::move(value)});
}

void Value::erase(const std::string& key) {
  if (!is_map()) return;
  std::erase_if(map(), [&](const Entry& e) { return e.kind == Entry::Kind::Text && e.key == key; });
}

bool Value::operator==(const Value& other) const {
  return data == other.data;
}

std::string where(const Value& value) {
  const auto& [file, line] = value.origin;
  if (file.empty()) return "";
  return line == 0 ? file.text() + ": " : fmt::format("{}:{}: ", file, line);
}

std::string type_name(const Value& value) {
  static const char* const kNames[] = {"null", "bool", "int", "float", "string", "list", "map"};
  return kNames[value.data.index()];
}

std::string python_float(double d) {
  if (std::isnan(d)) return "nan";
  if (std::isinf(d)) return d > 0 ? "inf" : "-inf";
  // Shortest digits that read back equal; an exponent only from 1e16 on and below 1e-4.
  auto text = fmt::format("{:e}", d);  // only for the exponent
  const int exponent = d == 0 ? 0 : std::stoi(text.substr(text.find('e') + 1));
  text = fmt::format("{}", d);
  const auto e = text.find('e');
  if (exponent >= -4 && exponent < 16) {
    if (e != std::string::npos) text = fmt::format("{:.0f}", d);
    if (text.find('.') == std::string::npos) text += ".0";
  }
  return text;
}

std::string to_json(const Value& v) {
  if (v.is_null()) return "null";
  if (v.is_bool()) return std::get<bool>(v.data) ? "true" : "false";
  if (v.is_int()) return std::to_string(std::get<int64_t>(v.data));
  if (v.is_float()) return number(std::get<double>(v.data));
  if (v.is_string()) return quoted(v.string());
  std::string out = v.is_list() ? "[" : "{";
  const char* comma = "";
  if (v.is_list())
    for (const auto& item : v.list()) out += comma + to_json(item), comma = ", ";
  else
    for (const auto& e : v.map())
      out += comma + quoted(e.key) + ": " + to_json(e.value), comma = ", ";
  return out + (v.is_list() ? "]" : "}");
}

}  // namespace bench
