#include "jinja/python_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/utf8.h"
#include "hydra/yaml/scalar.h"

namespace bench::text {
namespace {

void append_escape(std::string& out, uint32_t code) {
  if (code < 0x10000) {
    out += fmt::format("\\u{:04x}", code);
    return;
  }
  code -= 0x10000;
  out += fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (code >> 10), 0xDC00 + (code & 0x3FF));
}

void append_string(std::string& out, const std::string& text) {
  out += '"';
  for (size_t at = 0; at < text.size();) {
    const auto code = next_code_point(text, at);
    static constexpr std::string_view kBytes = "\"\\\n\r\t\b\f", kNames = "\"\\nrtbf";
    const auto known = code < 0x80 ? kBytes.find(static_cast<char>(code)) : std::string_view::npos;
    if (known != std::string_view::npos)
      (out += '\\') += kNames[known];
    else if (code < 0x20 || code >= 0x7F + 1 || code == '<' || code == '>' || code == '&' ||
             code == '\'')
      append_escape(out, code);
    else
      out += static_cast<char>(code);
  }
  out += '"';
}

class Writer {
 public:
  explicit Writer(int64_t indent) : indent_(indent) {}

  void write(const Value& v, int64_t depth) {
    if (v.is_null())
      out += "null";
    else if (v.is_bool())
      out += std::get<bool>(v.data) ? "true" : "false";
    else if (v.is_string())
      append_string(out, v.string());
    else if (v.is_float())
      out += number(std::get<double>(v.data));
    else if (v.is_list())
      list(v.list(), depth);
    else if (v.is_map())
      map(v.map(), depth);
    else
      out += python_str(v);
  }
  std::string out;

 private:
  static std::string number(double d) {
    if (std::isnan(d)) return "NaN";
    if (std::isinf(d)) return d > 0 ? "Infinity" : "-Infinity";
    return python_float(d);
  }
  void line(int64_t depth) {
    if (indent_ >= 0) out += '\n' + std::string(static_cast<size_t>(indent_ * depth), ' ');
  }
  void comma(bool& first, int64_t depth) {
    if (!first) out += indent_ >= 0 ? "," : ", ";
    first = false;
    line(depth);
  }
  void list(const Value::List& all, int64_t depth) {
    out += '[';
    bool first = true;
    for (const auto& item : all) comma(first, depth + 1), write(item, depth + 1);
    if (!first) line(depth);
    out += ']';
  }
  void map(const Value::Map& all, int64_t depth) {
    std::vector<const Value::Entry*> sorted;
    for (const auto& e : all) sorted.push_back(&e);
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto* a, const auto* b) { return a->key < b->key; });
    out += '{';
    bool first = true;
    for (const auto* e : sorted) {
      comma(first, depth + 1);
      append_string(out, e->key);
      out += ": ";
      write(e->value, depth + 1);
    }
    if (!first) line(depth);
    out += '}';
  }
  int64_t indent_;
};

}  // namespace

std::string html_json(const Value& value, int64_t indent) {
  Writer writer(std::min<int64_t>(indent, 64));
  writer.write(value, 0);
  return std::move(writer.out);
}

}  // namespace bench::text
