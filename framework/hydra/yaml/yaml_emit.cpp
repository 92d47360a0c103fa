// Printing, as PyYAML's emitter does it for OmegaConf.to_yaml (emitter.py: analyze_scalar,
// choose_scalar_style, write_*). Written from its rules, so that users can compare dumps by eye.
#include <cmath>
#include <regex>

#include "base/error.h"
#include "hydra/yaml/scalar.h"
#include "hydra/yaml/yaml.h"

namespace bench {
namespace {

constexpr size_t kWidth = 80;
constexpr size_t kKeyWidth = 128;  // a longer key is written "? key", as PyYAML does

struct Analysis {
  bool multiline = false, plain = true, single = true;
};

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\0';
}

size_t code_points(std::string_view text) {
  size_t n = 0;
  for (const char c : text) n += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  return n;
}

/// The escape of a character of several bytes that may not stand in a text: C1 controls, U+0085,
/// U+2028, U+2029, U+FEFF, U+FFFE and U+FFFF.
std::string escape_at(const std::string& text, size_t at) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  if (byte(at) == 0xc2 && byte(at + 1) < 0xa0) return fmt::format("\\x{:02X}", byte(at + 1));
  static const std::pair<const char*, const char*> kEscapes[] = {{"\xE2\x80\xA8", "\\L"},
                                                                 {"\xE2\x80\xA9", "\\P"},
                                                                 {"\xEF\xBB\xBF", "\\uFEFF"},
                                                                 {"\xEF\xBF\xBE", "\\uFFFE"},
                                                                 {"\xEF\xBF\xBF", "\\uFFFF"}};
  for (const auto& [bytes, escape] : kEscapes)
    if (text.compare(at, 3, bytes) == 0) return escape;
  return "";
}

Analysis analyze(const std::string& text) {
  bool special = false, indicator = text.rfind("---", 0) == 0 || text.rfind("...", 0) == 0;
  bool breaks = false, space_break = false, break_space = false;
  const auto has = [](const char* set, char c) {
    return c && std::string_view(set).find(c) != std::string_view::npos;
  };
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool followed = i + 1 >= text.size() || is_space(text[i + 1]);
    const bool preceded = i == 0 || is_space(text[i - 1]);
    if (i == 0 && has("#,[]{}&*!|>'\"%@`", c)) indicator = true;
    if (i == 0 && has("?:-", c) && followed) indicator = true;
    if (i > 0 && c == ':' && followed) indicator = true;
    if (i > 0 && c == '#' && preceded) indicator = true;
    const auto byte = static_cast<unsigned char>(c);
    if (c != '\n' && (byte < 0x20 || byte == 0x7f)) special = true;
    if (!escape_at(text, i).empty() || byte >= 0xf0) special = true;
    if (c == '\n') breaks = true;
    if (c == ' ' && i > 0 && text[i - 1] == '\n') break_space = true;
    if (c == '\n' && i > 0 && text[i - 1] == ' ') space_break = true;
  }
  Analysis result;
  result.multiline = breaks;
  const bool edges = !text.empty() && (has(" \n", text.front()) || has(" \n", text.back()));
  result.plain = !edges && !breaks && !special && !indicator && !break_space && !space_break;
  result.single = !special && !break_space && !space_break;
  return result;
}

/// Would the text, written plain, read back as something else (here or in PyYAML)?
bool needs_quotes(const std::string& text) {
  if (text.empty() || text == "=" || text == "<<") return true;
  for (const char* word : {"y", "Y", "n", "N"})
    if (text == word) return true;
  try {
    if (!yaml_scalar(text.size() < 200 ? text : "x").is_string()) return true;
  } catch (const Error&) {
    return true;  // a number that is too large
  }
  auto trimmed = text;  // what Python's int() and float() accept is quoted, blanks around included
  while (!trimmed.empty() && is_space(trimmed.back())) trimmed.pop_back();
  trimmed.erase(0, trimmed.find_first_not_of(" \t\n\r"));
  static const std::regex kNumber(
      R"([-+]?(\d(_?\d)*\.?(\d(_?\d)*)?|\.\d(_?\d)*)(e[-+]?\d(_?\d)*)?|[-+]?(inf|infinity|nan))",
      std::regex::icase);
  if (trimmed.size() < 200 && std::regex_match(trimmed, kNumber)) return true;
  static const std::regex kDate(
      R"(\d\d\d\d-\d\d-\d\d|\d{4}-\d\d?-\d\d?([Tt]|[ \t]+)\d\d?:\d\d:\d\d(\.\d*)?)"
      R"(([ \t]*(Z|[-+]\d\d?(:\d\d)?))?)");
  return text.size() < 64 && std::regex_match(text, kDate);
}

class Emitter {
 public:
  std::string text;

  void node(const Value& value, int indent, bool in_sequence, bool in_map) {
    if (value.is_map() && !value.map().empty()) {
      map(value.map(), indent, in_sequence);
    } else if (value.is_list() && !value.list().empty()) {
      list(value.list(), in_map ? std::max(0, indent - 2) : indent, in_sequence);
    } else {
      scalar(value, indent);
      text += '\n';
    }
  }

  void scalar(const Value& value, int indent, bool key = false) {
    if (value.is_map()) text += "{}";
    if (value.is_list()) text += "[]";
    if (value.is_null()) text += "null";
    if (value.is_bool()) text += std::get<bool>(value.data) ? "true" : "false";
    if (value.is_int()) text += std::to_string(std::get<int64_t>(value.data));
    if (value.is_float()) text += number(std::get<double>(value.data));
    if (value.is_string()) string(value.string(), indent, key);
  }

 private:
  static std::string number(double d) {
    if (std::isnan(d)) return ".nan";
    if (std::isinf(d)) return d > 0 ? ".inf" : "-.inf";
    auto out = python_float(d);
    if (out.find('.') == std::string::npos && out.find('e') != std::string::npos)
      out.insert(out.find('e'), ".0");
    return out;
  }

  void map(const Value::Map& map, int indent, bool in_sequence) {
    bool first = in_sequence;  // "- a: 1": the first key stands in the item's line
    for (const auto& entry : map) {
      if (!first) text += std::string(static_cast<size_t>(indent), ' ');
      first = false;
      const bool simple = entry.key.size() < kKeyWidth && entry.key.find('\n') == std::string::npos;
      if (!simple) text += "? ";
      scalar(key_value(entry), simple ? indent : indent + 2, simple);
      if (!simple) new_line(indent);
      text += ':';
      const bool nested = (entry.value.is_map() && !entry.value.map().empty()) ||
                          (entry.value.is_list() && !entry.value.list().empty());
      text += nested ? '\n' : ' ';
      node(entry.value, indent + 2, false, true);
    }
  }

  void list(const Value::List& list, int indent, bool in_sequence) {
    bool first = in_sequence;
    for (const auto& item : list) {
      if (!first) text += std::string(static_cast<size_t>(indent), ' ');
      first = false;
      text += "- ";
      node(item, indent + 2, true, false);
    }
  }

  size_t column() const {
    const auto line = text.rfind('\n');
    return code_points(std::string_view(text).substr(line == std::string::npos ? 0 : line + 1));
  }
  void new_line(int indent) { text += "\n" + std::string(static_cast<size_t>(indent), ' '); }

  void string(const std::string& s, int indent, bool key) {
    const auto analysis = analyze(s);
    if (!needs_quotes(s) && analysis.plain)
      folded(s, indent, key, '\0');
    else if (analysis.single && !(key && analysis.multiline))
      folded(s, indent, key, '\'');
    else
      double_quoted(s, indent, key);
  }

  /// Plain and single-quoted text: a single blank beyond the width becomes a line break.
  void folded(const std::string& s, int indent, bool key, char quote) {
    if (quote) text += quote;
    for (size_t i = 0; i < s.size();) {
      size_t end = i + 1;
      if (s[i] == ' ') {
        while (end < s.size() && s[end] == ' ') ++end;
        const bool edge = quote && (i == 0 || end == s.size());
        if (end == i + 1 && !key && !edge && column() > kWidth)
          new_line(indent);
        else
          text += s.substr(i, end - i);
      } else if (s[i] == '\n') {
        while (end < s.size() && s[end] == '\n') ++end;
        text += '\n' + std::string(end - i, '\n');
        text += std::string(static_cast<size_t>(indent), ' ');
      } else {
        while (end < s.size() && s[end] != ' ' && s[end] != '\n') ++end;
        for (const char c : s.substr(i, end - i))
          text += c == '\'' && quote ? "''" : std::string(1, c);
      }
      i = end;
    }
    if (quote) text += quote;
  }

  void double_quoted(const std::string& s, int indent, bool key) {
    text += '"';
    for (size_t i = 0; i < s.size(); ++i) {
      const char c = s[i];
      const bool inner = i > 0 && i + 1 < s.size();
      if (c == ' ' && inner && !key && column() > kWidth) {
        text += "\\";
        new_line(indent);
        text += "\\ ";
        continue;
      }
      text += escaped(s, i);
    }
    text += '"';
  }

  static std::string escaped(const std::string& s, size_t& i) {
    const auto byte = static_cast<unsigned char>(s[i]);
    static const std::pair<char, const char*> kNames[] = {
        {'"', "\\\""}, {'\\', "\\\\"}, {'\0', "\\0"}, {'\a', "\\a"}, {'\b', "\\b"},  {'\t', "\\t"},
        {'\n', "\\n"}, {'\v', "\\v"},  {'\f', "\\f"}, {'\r', "\\r"}, {'\x1b', "\\e"}};
    for (const auto& [c, name] : kNames)
      if (s[i] == c) return name;
    if (byte < 0x20 || byte == 0x7f) return fmt::format("\\x{:02X}", byte);
    if (const auto escape = escape_at(s, i); !escape.empty()) {
      i += byte == 0xc2 ? 1 : 2;
      return escape;
    }
    if (byte >= 0xf0 && i + 3 < s.size()) {  // PyYAML escapes all beyond U+FFFF
      unsigned point = byte & 7u;
      for (int k = 0; k < 3; ++k) point = point << 6 | (static_cast<unsigned char>(s[++i]) & 0x3fu);
      return fmt::format("\\U{:08X}", point);
    }
    return std::string(1, s[i]);
  }
};

}  // namespace

std::string to_yaml(const Value& value) {
  Emitter emitter;
  emitter.node(value, 0, false, false);
  return emitter.text;
}

}  // namespace bench
