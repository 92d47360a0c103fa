// Printing, as PyYAML's emitter does it for OmegaConf.to_yaml (emitter.py: analyze_scalar,
// choose_scalar_style, write_*). Written from its rules, so that users can compare dumps by eye.
#include <cmath>
#include <regex>

#include "base/error.h"
#include "base/utf8.h"
#include "hydra/yaml/scalar.h"
#include "hydra/yaml/yaml.h"

namespace bench {
namespace {

constexpr size_t kWidth = 80;
constexpr size_t kKeyWidth = 128;  // a longer key is written "? key", as PyYAML does

struct Analysis {
  bool multiline = false, plain = true, single = true;
};

bool is_break(char32_t c) {
  return c == U'\n' || c == 0x85 || c == 0x2028 || c == 0x2029;
}
bool is_space(char32_t c) {
  return c == U' ' || c == U'\t' || c == U'\r' || c == U'\0' || is_break(c);
}

std::u32string characters(std::string_view text) {
  std::u32string all;
  for (size_t at = 0; at < text.size();)
    all += static_cast<char32_t>(text::next_code_point(text, at));
  return all;
}

/// What PyYAML writes as it is outside of double quotes, and within.
bool printable_anywhere(char32_t c) {
  return (c >= 0x20 && c <= 0x7e) || (c >= 0xa0 && c <= 0xd7ff) ||
         (c >= 0xe000 && c <= 0xfffd && c != 0xfeff);
}
bool printable_outside(char32_t c) {
  return printable_anywhere(c) || c == U'\n' || c == 0x85 || (c >= 0x10000 && c < 0x10ffff);
}

Analysis analyze(const std::u32string& text) {
  bool special = false, breaks = false, space_break = false, break_space = false;
  bool indicator = text.starts_with(U"---") || text.starts_with(U"...");
  const auto has = [](std::u32string_view set, char32_t c) {
    return set.find(c) != std::u32string_view::npos;
  };
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = text[i];
    const bool followed = i + 1 >= text.size() || is_space(text[i + 1]);
    const bool preceded = i == 0 || is_space(text[i - 1]);
    if (i == 0 && has(U"#,[]{}&*!|>'\"%@`", c)) indicator = true;
    if (i == 0 && has(U"?:-", c) && followed) indicator = true;
    if (i > 0 && c == U':' && followed) indicator = true;
    if (i > 0 && c == U'#' && preceded) indicator = true;
    if (!printable_outside(c)) special = true;
    if (is_break(c)) breaks = true;
    if (c == U' ' && i > 0 && is_break(text[i - 1])) break_space = true;
    if (is_break(c) && i > 0 && text[i - 1] == U' ') space_break = true;
  }
  Analysis result;
  result.multiline = breaks;
  const auto edge = [&](char32_t c) { return c == U' ' || is_break(c); };
  const bool edges = !text.empty() && (edge(text.front()) || edge(text.back()));
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
  while (!trimmed.empty() && std::string_view(" \t\n\r").find(trimmed.back()) != std::string::npos)
    trimmed.pop_back();
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

  /// Characters since the last line break of any kind.
  size_t column() const {
    const auto line = characters(text.substr(text.rfind('\n') + 1));  // npos + 1 is 0
    size_t n = 0;
    for (const auto c : line) n = is_break(c) ? 0 : n + 1;
    return n;
  }
  void new_line(int indent) { text += "\n" + std::string(static_cast<size_t>(indent), ' '); }
  void put(char32_t c) { text::append_code_point(text, static_cast<uint32_t>(c)); }

  void string(const std::string& s, int indent, bool key) {
    const auto all = characters(s);
    const auto analysis = analyze(all);
    if (!needs_quotes(s) && analysis.plain)
      folded(all, indent, key, '\0');
    else if (analysis.single && !(key && analysis.multiline))
      folded(all, indent, key, '\'');
    else
      double_quoted(all, indent, key);
  }

  /// Plain and single-quoted text: a single blank beyond the width becomes a line break.
  void folded(const std::u32string& s, int indent, bool key, char quote) {
    if (quote) text += quote;
    for (size_t i = 0; i < s.size();) {
      size_t end = i + 1;
      if (s[i] == U' ') {
        while (end < s.size() && s[end] == U' ') ++end;
        const bool edge = quote && (i == 0 || end == s.size());
        if (end == i + 1 && !key && !edge && column() > kWidth)
          new_line(indent);
        else
          text.append(end - i, ' ');
      } else if (is_break(s[i])) {
        while (end < s.size() && is_break(s[end])) ++end;
        if (s[i] == U'\n') text += '\n';  // one alone would be folded to a blank
        for (size_t k = i; k < end; ++k) put(s[k]);
        text.append(static_cast<size_t>(indent), ' ');
      } else {
        for (end = i; end < s.size() && s[end] != U' ' && !is_break(s[end]); ++end) {
          put(s[end]);
          if (s[end] == U'\'' && quote) text += '\'';
        }
      }
      i = end;
    }
    if (quote) text += quote;
  }

  /// Beyond the width a line may end before a blank and behind an escape.
  void double_quoted(const std::u32string& s, int indent, bool key) {
    text += '"';
    for (size_t i = 0; i < s.size(); ++i) {
      const auto c = s[i];
      const auto escape = escape_of(c);
      const bool inner = i > 0 && i + 1 < s.size() && !key;
      if (escape.empty() && c == U' ' && inner && column() > kWidth) {
        text += "\\";
        new_line(indent);
        text += "\\ ";
        continue;
      }
      if (escape.empty())
        put(c);
      else
        text += escape;
      // PyYAML looks at the column of what it has written, one character short of the next.
      if (!escape.empty() && inner && column() > kWidth + 1) {
        text += "\\";
        new_line(indent);
        if (s[i + 1] == U' ') text += "\\";
      }
    }
    text += '"';
  }

  /// "" where the character stands for itself in double quotes.
  static std::string escape_of(char32_t c) {
    static const std::pair<char32_t, const char*> kNames[] = {
        {U'"', "\\\""}, {U'\\', "\\\\"}, {0, "\\0"},      {7, "\\a"},     {8, "\\b"},
        {U'\t', "\\t"}, {U'\n', "\\n"},  {0x0b, "\\v"},   {0x0c, "\\f"},  {U'\r', "\\r"},
        {0x1b, "\\e"},  {0x85, "\\N"},   {0x2028, "\\L"}, {0x2029, "\\P"}};
    for (const auto& [known, name] : kNames)
      if (c == known) return name;
    if (printable_anywhere(c)) return "";
    const auto code = static_cast<uint32_t>(c);
    if (code <= 0xff) return fmt::format("\\x{:02X}", code);
    return code <= 0xffff ? fmt::format("\\u{:04X}", code) : fmt::format("\\U{:08X}", code);
  }
};

}  // namespace

std::string to_yaml(const Value& value) {
  Emitter emitter;
  emitter.node(value, 0, false, false);
  return emitter.text;
}

}  // namespace bench
