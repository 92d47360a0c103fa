#include "hydra/yaml/yaml_text.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "hydra/yaml/yaml.h"

namespace bench {
namespace {

bool blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// The code point at `at` (which moves past it), or -1 if the bytes are no UTF-8.
int64_t code_point(const std::string& text, size_t& at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  const int more = first < 0x80 ? 0 : first >> 5 == 6 ? 1 : first >> 4 == 14 ? 2 : 3;
  if (first >= 0x80 && (first < 0xc2 || first > 0xf4)) return -1;
  if (at + static_cast<size_t>(more) >= text.size()) return -1;
  int64_t point = more == 0 ? first : first & (0x3f >> more);
  for (int i = 1; i <= more; ++i) {
    const auto next = byte(at + static_cast<size_t>(i));
    if (next >> 6 != 2) return -1;
    point = point << 6 | (next & 0x3f);
  }
  const int64_t least[] = {0, 0x80, 0x800, 0x10000};
  if (point < least[more]) return -1;  // written longer than it needs to be
  at += static_cast<size_t>(more) + 1;
  return point;
}

/// What PyYAML calls printable (reader.py), less the Unicode line breaks: two libraries split lines
/// differently there.
bool allowed(int64_t c) {
  if (c < 0x20) return c == '\t' || c == '\n' || c == '\r';
  return !(c >= 0x7f && c < 0xa0) && !(c >= 0xd800 && c < 0xe000) && c != 0x2028 && c != 0x2029 &&
         c != 0xfffe && c != 0xffff && c != 0xfeff && c <= 0x10ffff;
}

/// The position of the closing quote, or npos.
size_t closing_quote(const std::string& text, size_t at) {
  const char quote = text[at];
  for (++at; at < text.size(); ++at) {
    if (quote == '"' && text[at] == '\\')
      ++at;
    else if (text[at] == quote && quote == '\'' && at + 1 < text.size() && text[at + 1] == quote)
      ++at;
    else if (text[at] == quote)
      return at;
  }
  return std::string::npos;
}

/// %YAML and %TAG may stand before `---`, nothing else may begin a line with %.
void check_directives(const std::string& text, const std::string& file_name) {
  bool leading = true, seen = false;
  int number = 0;
  for (size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    auto line = text.substr(at, end - at);
    while (!line.empty() && blank(line.back())) line.pop_back();
    at = end + 1;
    ++number;
    const bool directive = line.rfind("%YAML ", 0) == 0 || line.rfind("%TAG ", 0) == 0;
    if (!line.empty() && line[0] == '%' && !(leading && directive))
      fail("{}:{}: a line may not begin with '%'; quote the text", file_name, number);
    if (directive) seen = true;
    if (directive || line.empty() || line[0] == '#') continue;
    if (leading && seen && line != "---" && line.rfind("--- ", 0) != 0)
      fail("{}:{}: after a %YAML line comes a line of ---", file_name, number);
    leading = false;
  }
}

bool explicit_key(const std::string& text, size_t at) {
  while (at > 0 && blank(text[at - 1])) --at;
  return at > 0 && text[at - 1] == '?';
}

}  // namespace

std::string checked_text(const std::string& given, const std::string& file_name) {
  const bool has_mark = given.rfind("\xEF\xBB\xBF", 0) == 0;
  std::string text = has_mark ? given.substr(3) : given;
  if (text.size() > kYamlMaxBytes)
    fail("{}: {} bytes; a config has at most {}", file_name, text.size(), kYamlMaxBytes);
  check_directives(text, file_name);
  int line = 1, depth = 0, run = 0;
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    const auto point = code_point(text, at);
    if (point < 0 || !allowed(point))
      fail("{}:{}: a character that YAML does not allow; write the file as plain UTF-8", file_name,
           line);
    if (c == '\n') ++line, run = 0;
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') depth = std::max(0, depth - 1);
    if (c == '-' || c == '?' || c == ':')
      ++run;
    else if (c != ' ')
      run = 0;
    // yaml-cpp recurses once per level: without this, a line of brackets ends the program.
    if (depth > 4 * kYamlMaxDepth || run > 4 * kYamlMaxDepth)
      fail("{}:{}: nested more than {} deep", file_name, line, kYamlMaxDepth);
  }
  return text;
}

bool line_has_tab(const std::string& text, int line) {
  size_t from = 0;
  for (; line > 0; --line) {
    from = text.find('\n', from);
    if (from++ == std::string::npos) return false;
  }
  for (; from < text.size() && (text[from] == ' ' || text[from] == '\t'); ++from)
    if (text[from] == '\t') return true;
  return false;
}

size_t scalar_start(const std::string& text, size_t at) {
  while (at < text.size() && (text[at] == '&' || text[at] == '!')) {
    while (at < text.size() && !blank(text[at])) ++at;
    while (at < text.size() && blank(text[at])) ++at;
  }
  return at;
}

std::string properties(const std::string& text, size_t at) {
  auto found = text.substr(at, scalar_start(text, at) - at);
  while (!found.empty() && blank(found.back())) found.pop_back();
  return found;
}

std::string property_problem(const std::string& text, size_t at, bool in_flow) {
  const auto found = properties(text, at);
  const auto tag = found[0] == '!' ? 0 : found.find(" !") + 1;  // 0 of npos + 1 is no '!'
  if (!found.empty() && found[tag] == '!' && found.compare(tag, 2, "!<") != 0) {
    static const std::string kMarks =
        "-_;/?:@&=+$.!~*()%";  // of a URI (libyaml scanner.c), but a quote
    size_t end = tag;
    while (end < found.size() && (std::isalnum(static_cast<unsigned char>(found[end])) ||
                                  kMarks.find(found[end]) != std::string::npos))
      ++end;
    if (end < found.size() && !blank(found[end]) && !(in_flow && found[end] == ','))
      return "a blank is due between a tag and its text";
  }
  for (size_t i = found.find('&'); i != std::string::npos; i = found.find('&', i + 1)) {
    if (i > 0 && !blank(found[i - 1])) continue;
    size_t end = i + 1;
    while (end < found.size() && (std::isalnum(static_cast<unsigned char>(found[end])) ||
                                  found[end] == '_' || found[end] == '-'))
      ++end;
    if (end == i + 1 || (end < found.size() && !blank(found[end])))
      return "an anchor's name is made of letters, digits, '_' and '-'";
  }
  return "";
}

std::string scalar_problem(const std::string& text, size_t at, bool in_block_map, bool key) {
  if (at >= text.size()) return "";
  size_t end = at;
  if (text[at] == '"' || text[at] == '\'') {
    end = closing_quote(text, at);
    if (end == std::string::npos)
      return std::string("the quote ") + text[at] + " that begins here never ends";
    ++end;
    while (end < text.size() && (text[end] == ' ' || text[end] == '\t')) ++end;
    if (!key || !in_block_map || explicit_key(text, at)) return "";
    return end < text.size() && text[end] == ':' ? "" : "expected ':' after this key";
  }
  if (!key || !in_block_map || explicit_key(text, at)) return "";
  for (; end < text.size() && text[end] != '\n'; ++end)
    if (text[end] == ':' && (end + 1 == text.size() || blank(text[end + 1]))) return "";
  return "expected ':' after this key; write `key: value`";
}

}  // namespace bench
