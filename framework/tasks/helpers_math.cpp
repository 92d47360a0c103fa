// Answers of MATH: what a solution boxes, and when two of them are the same
// (lm_eval/tasks/hendrycks_math/utils.py).
#include <optional>

#include "base/utf8.h"
#include "hydra/yaml/scalar.h"
#include "jinja/python_string.h"
#include "tasks/helpers.h"

namespace bench::helpers {
namespace {

/// From the opening word at `begin` to the brace that closes its first one.
std::optional<std::string> braced(const std::string& text, size_t begin) {
  int open = 0;
  for (auto i = begin; i < text.size(); ++i) {
    if (text[i] == '{') ++open;
    if (text[i] == '}' && --open == 0) return text.substr(begin, i + 1 - begin);
  }
  return {};
}

/// The first character of a text, whole.
std::string first_of(const std::string& s) {
  return s.substr(0, s.empty() ? 0 : text::char_length(s[0]));
}

/// \frac12 -> \frac{1}{2}, \frac1{72} -> \frac{1}{72}; a fraction without two parts leaves all as
/// it is.
std::string with_braced_fractions(const std::string& s) {
  const auto parts = text::split(s, "\\frac");
  auto out = parts.front();
  for (size_t i = 1; i < parts.size(); ++i) {
    const auto& part = parts[i];
    out += "\\frac";
    if (part.starts_with("{")) {
      out += part;
      continue;
    }
    const auto above = first_of(part), rest = part.substr(above.size()), below = first_of(rest);
    if (above.empty() || below.empty()) return s;
    const auto tail = rest.substr(below.size());
    out += "{" + above + "}" + (below == "{" ? below : "{" + below + "}") + tail;
  }
  return out;
}

/// 3/4 -> \frac{3}{4}, of whole numbers as Python writes them.
std::string with_fraction(const std::string& s) {
  const auto parts = text::split(s, "/");
  if (parts.size() != 2) return s;
  const auto a = python_int(parts[0]), b = python_int(parts[1]);
  if (!a || !b || s != std::to_string(*a) + "/" + std::to_string(*b)) return s;
  return "\\frac{" + std::to_string(*a) + "}{" + std::to_string(*b) + "}";
}

/// \sqrt3 -> \sqrt{3}
std::string with_braced_roots(const std::string& s) {
  const auto parts = text::split(s, "\\sqrt");
  auto out = parts.front();
  for (size_t i = 1; i < parts.size(); ++i) {
    const auto first = first_of(parts[i]);
    out += first == "{" ? "\\sqrt" + parts[i]
                        : "\\sqrt{" + first + "}" + parts[i].substr(first.size());
  }
  return out;
}

/// A word with nothing behind it, or with itself.
bool has_bare(const std::string& s, const std::string& word) {
  return s.ends_with(word) || s.find(word + word) != std::string::npos;
}

/// None where their code raises: the texts are then compared as they are.
std::optional<std::string> normalised(std::string s) {
  for (const auto& [from, to] : {std::pair{"\n", ""},
                                 {"\\!", ""},
                                 {"\\\\", "\\"},
                                 {"tfrac", "frac"},
                                 {"dfrac", "frac"},
                                 {"\\left", ""},
                                 {"\\right", ""},
                                 {"^{\\circ}", ""},
                                 {"^\\circ", ""},
                                 {"\\$", ""}})
    s = text::replace_all(s, from, to);
  if (s.find("\\text{ ") != std::string::npos) {
    const auto parts = text::split(s, "\\text{ ");
    if (parts.size() != 2) return {};
    s = parts.front();
  }
  for (const auto& [from, to] : {std::pair{"\\%", ""}, {"\\%", ""}, {" .", " 0."}, {"{.", "{0."}})
    s = text::replace_all(s, from, to);
  if (s.empty()) return s;
  if (s[0] == '.') s = "0" + s;
  if (const auto parts = text::split(s, "="); parts.size() == 2 && text::count_chars(parts[0]) <= 2)
    s = parts[1];
  if (has_bare(s, "\\sqrt")) return {};
  s = text::replace_all(with_braced_roots(s), " ", "");
  if (has_bare(s, "\\frac")) return {};
  s = with_braced_fractions(s);
  if (s == "0.5") s = "\\frac{1}{2}";
  if (const auto parts = text::split(s, "/"); parts.size() == 2)
    if (!python_int(parts[0]) || !python_int(parts[1])) return {};
  return with_fraction(s);
}

}  // namespace

std::optional<std::string> last_boxed(const std::string& text) {
  const std::string spaced = "\\boxed ";
  if (const auto at = text.rfind(spaced); at != std::string::npos) {
    const auto rest = text.substr(at + spaced.size());
    return rest.substr(0, rest.find('$'));
  }
  auto at = text.rfind("\\boxed");
  if (at == std::string::npos) at = text.rfind("\\fbox");
  if (at == std::string::npos) return {};
  const auto whole = braced(text, at);
  const std::string open = "\\boxed{";
  if (!whole || !whole->starts_with(open)) return {};
  return whole->substr(open.size(), whole->size() - open.size() - 1);
}

bool same_math(const std::string& a, const std::string& b) {
  const auto x = normalised(a), y = normalised(b);
  return x && y ? *x == *y : a == b;
}

std::string math_answer(const std::string& generated) {
  const auto first = generated.find('$'), last = generated.rfind('$');
  if (first == std::string::npos || first == last) return generated;
  return generated.substr(first + 1, last - first - 1);
}

}  // namespace bench::helpers
