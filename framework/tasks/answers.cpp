#include "tasks/answers.h"

#include <algorithm>
#include <map>

#include "jinja/python_regex.h"
#include "jinja/python_string.h"
#include "base/utf8.h"
#include "tasks/helpers.h"

namespace bench {
namespace {

bool ascii_punctuation(char c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
         (c >= '{' && c <= '~');
}

std::string first_group(const FilterStep& step, const std::string& text) {
  const auto matches = text::PythonRegex(step.pattern).find_all(text);
  const auto n = static_cast<int64_t>(matches.size());
  const auto at = step.group < 0 ? step.group + n : step.group;
  if (at < 0 || at >= n) return step.fallback;
  for (const auto& group : matches[static_cast<size_t>(at)])
    if (!group.empty() || matches[static_cast<size_t>(at)].size() == 1) return text::strip(group);
  return step.fallback;
}

/// The chosen match: its first group that is not empty, stripped; "" where there is none.
std::string found_in(const std::string& pattern, int64_t which, const std::string& text) {
  const auto matches = text::PythonRegex(pattern).find_all(text);
  const auto n = static_cast<int64_t>(matches.size());
  const auto at = which < 0 ? which + n : which;
  if (at < 0 || at >= n) return "";
  for (const auto& group : matches[static_cast<size_t>(at)])
    if (!group.empty()) return text::strip(group);
  return "";
}

/// As re.escape.
std::string escaped(const std::string& text) {
  static const std::string kSpecial = "()[]{}?*+-|^$\\.&~# \t\n\r\v\f";
  std::string out;
  for (const char c : text) {
    if (kSpecial.find(c) != std::string::npos) out += '\\';
    out += c;
  }
  return out;
}

/// Characters of the categories P*.
std::string without_punctuation(const std::string& text) {
  static const std::string kSymbols = "$+<=>^`|~";
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const auto begin = at;
    const auto code = text::next_code_point(text, at);
    const bool symbol = code < 0x80 && kSymbols.find(static_cast<char>(code)) != std::string::npos;
    if (symbol || !text::is_punctuation(code)) out += text.substr(begin, at - begin);
  }
  return out;
}

std::string plain_choice(const FilterStep& step, std::string text) {
  for (const auto& r : step.regexes_to_ignore) text = text::PythonRegex(r).sub(text, "");
  if (step.ignore_case) text = text::lower_case(text);
  return step.ignore_punctuation ? without_punctuation(text) : text;
}

/// The letter of a choice, "(A)": by the pattern, else by the text of a choice (the longest first),
/// else by a letter behind a colon (lm_eval/filters/extraction.py, MultiChoiceRegexFilter).
std::string chosen_letter(const FilterStep& step, const std::string& text,
                          const std::vector<std::string>& choices) {
  if (auto match = found_in(step.pattern, step.group, text); !match.empty()) return match;
  std::map<std::string, std::string> letters;
  std::vector<std::string> texts;
  std::string alone;
  for (size_t i = 0; i < choices.size(); ++i) {
    const std::string letter(1, static_cast<char>('A' + static_cast<char>(i)));
    texts.push_back(plain_choice(step, text::strip(choices[i])));
    letters[texts.back()] = "(" + letter + ")";
    alone += (alone.empty() ? "" : "|") + letter;
  }
  std::stable_sort(texts.begin(), texts.end(), [](const auto& a, const auto& b) {
    return text::count_chars(escaped(a)) > text::count_chars(escaped(b));
  });
  std::string any;
  for (const auto& t : texts) any += (any.empty() ? "" : "|") + escaped(t);
  if (const auto said = found_in(any, step.group, plain_choice(step, text)); !said.empty())
    return letters.contains(said) ? letters.at(said) : said;
  const auto letter = found_in(":[\\s]*(" + alone + ")", step.group, text);
  return letter.empty() ? step.fallback : "(" + letter + ")";
}

std::string comparable(const MetricChoice& how, std::string text) {
  for (const auto& pattern : how.regexes_to_ignore) text = text::PythonRegex(pattern).sub(text, "");
  if (how.ignore_case) text = text::lower_case(text);
  if (how.ignore_punctuation) std::erase_if(text, ascii_punctuation);
  if (how.ignore_numbers) std::erase_if(text, [](char c) { return c >= '0' && c <= '9'; });
  return text;
}

std::map<std::string, int> words_of(std::string text) {
  text = text::lower_case(text);
  std::erase_if(text, ascii_punctuation);
  std::map<std::string, int> words;
  for (const auto& w : text::split_blanks(text))
    if (w != "a" && w != "an" && w != "the") ++words[w];
  return words;
}

/// In their order, by one blank.
std::string plain_words(std::string text) {
  text = text::lower_case(text);
  std::erase_if(text, ascii_punctuation);
  std::string all;
  for (const auto& w : text::split_blanks(text))
    if (w != "a" && w != "an" && w != "the") all += (all.empty() ? "" : " ") + w;
  return all;
}

int total(const std::map<std::string, int>& words) {
  int n = 0;
  for (const auto& [word, count] : words) n += count;
  return n;
}

}  // namespace

std::string filtered(const FilterChain& chain, std::string text, const DocumentRules& rules,
                     const std::vector<std::string>& choices) {
  const bool both = rules.stripped == DocumentRules::Sides::Both;
  for (const auto& step : chain.steps) {
    if (step.function == "regex") text = first_group(step, text);
    if (step.function == "multi_choice_regex") text = chosen_letter(step, text, choices);
    if (step.function == "remove_whitespace") text = both ? text::strip(text) : text::lstrip(text);
    if (step.function == "lowercase") text = text::lower_case(text);
    if (step.function == "uppercase") text = text::upper_case(text);
  }
  return text;
}

double exact_match(const MetricChoice& how, const std::string& answer,
                   const std::vector<std::string>& references) {
  const auto ours = comparable(how, answer);
  return std::any_of(references.begin(), references.end(),
                     [&](const auto& r) { return comparable(how, r) == ours; });
}

double word_f1(const std::string& answer, const std::vector<std::string>& references) {
  const auto ours = words_of(answer);
  double best = 0;
  for (const auto& reference : references) {
    const auto theirs = words_of(reference);
    int shared = 0;
    for (const auto& [word, count] : ours)
      if (const auto it = theirs.find(word); it != theirs.end())
        shared += std::min(count, it->second);
    const int both = total(ours) + total(theirs);
    best = std::max(best, both == 0 ? 1.0 : 2.0 * shared / both);
  }
  return best;
}

double same_words(const std::string& answer, const std::vector<std::string>& references) {
  const auto ours = plain_words(answer);
  return std::any_of(references.begin(), references.end(),
                     [&](const auto& r) { return plain_words(r) == ours; });
}

double math_match(const std::string& generated, const std::vector<std::string>& references) {
  const auto answer = helpers::math_answer(generated);
  return std::any_of(references.begin(), references.end(),
                     [&](const auto& r) { return helpers::same_math(answer, r); });
}

}  // namespace bench
