#include "jinja/python_string.h"

#include <utf8proc.h>

#include "base/utf8.h"

namespace bench::text {
namespace {

/// Where the character that ends at `end` begins.
size_t before(std::string_view text, size_t end) {
  size_t at = end - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return at;
}

size_t first_kept(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const auto begin = at;
    if (!is_python_space(next_code_point(text, at))) return begin;
  }
  return text.size();
}

size_t last_kept(std::string_view text, size_t from) {
  size_t end = text.size();
  while (end > from) {
    auto at = before(text, end);
    const auto begin = at;
    if (!is_python_space(next_code_point(text, at))) break;
    end = begin;
  }
  return end;
}

}  // namespace

bool is_python_space(uint32_t code) {
  if (code <= 0x20) return code == 0x20 || (code >= 0x09 && code <= 0x0D) || code >= 0x1C;
  return is_white_space(code);
}

std::string lstrip(std::string_view text) {
  return std::string(text.substr(first_kept(text)));
}

std::string rstrip(std::string_view text) {
  return std::string(text.substr(0, last_kept(text, 0)));
}

std::string strip(std::string_view text) {
  const auto from = first_kept(text);
  return std::string(text.substr(from, last_kept(text, from) - from));
}

std::string upper_case(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const auto code = next_code_point(text, at);
    if (code == 0xDF)
      out += "SS";  // the one full mapping that ordinary text meets
    else
      append_code_point(out, static_cast<uint32_t>(utf8proc_toupper(static_cast<int32_t>(code))));
  }
  return out;
}

std::string capitalize(std::string_view text) {
  if (text.empty()) return "";
  size_t at = 0;
  const auto first = next_code_point(text, at);
  std::string out;
  if (first == 0xDF)
    out = "Ss";
  else
    append_code_point(out, static_cast<uint32_t>(utf8proc_totitle(static_cast<int32_t>(first))));
  return out + lower_case(text.substr(at));
}

size_t count_split_pieces(std::string_view text) {
  size_t pieces = 1;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const bool blank = is_python_space(next_code_point(text, at));
    if (blank && !inside) ++pieces;
    inside = blank;
  }
  return pieces;
}

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  if (from.empty()) return text;
  std::string out;
  size_t at = 0;
  for (size_t hit; (hit = text.find(from, at)) != std::string::npos; at = hit + from.size()) {
    out.append(text, at, hit - at);
    out += to;
  }
  if (at == 0) return text;
  return out.append(text, at);
}

std::vector<std::string> split(std::string_view text, std::string_view separator) {
  std::vector<std::string> parts;
  size_t at = 0;
  for (size_t hit; (hit = text.find(separator, at)) != std::string_view::npos;
       at = hit + separator.size())
    parts.emplace_back(text.substr(at, hit - at));
  parts.emplace_back(text.substr(at));
  return parts;
}

std::vector<std::string> split_blanks(std::string_view text) {
  std::vector<std::string> parts;
  size_t begin = std::string_view::npos;
  for (size_t at = 0; at < text.size();) {
    const auto here = at;
    const bool blank = is_python_space(next_code_point(text, at));
    if (blank && begin != std::string_view::npos) {
      parts.emplace_back(text.substr(begin, here - begin));
      begin = std::string_view::npos;
    } else if (!blank && begin == std::string_view::npos) {
      begin = here;
    }
  }
  if (begin != std::string_view::npos) parts.emplace_back(text.substr(begin));
  return parts;
}

}  // namespace bench::text
