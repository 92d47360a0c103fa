#include "tasks/helpers.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/utf8.h"
#include "hydra/yaml/scalar.h"
#include "jinja/python_literal.h"
#include "jinja/python_regex.h"
#include "jinja/python_string.h"

namespace bench::helpers {
namespace {

const Value& field(const Value& d, const std::string& name) {
  const auto* v = d.find(name);
  if (!v) fail("has no field '{}'", name);
  return *v;
}
const std::string& text_of(const Value& d, const std::string& name) {
  const auto& v = field(d, name);
  if (!v.is_string()) fail("the field '{}' is no text", name);
  return v.string();
}
const Value::List& list_of(const Value& d, const std::string& name) {
  const auto& v = field(d, name);
  if (!v.is_list()) fail("the field '{}' is no list", name);
  return v.list();
}
std::vector<std::string> texts_of(const Value& d, const std::string& name) {
  std::vector<std::string> all;
  for (const auto& v : list_of(d, name)) {
    if (!v.is_string()) fail("the field '{}' holds something that is no text", name);
    all.push_back(v.string());
  }
  return all;
}
Value list_from(const std::vector<std::string>& texts) {
  return Value(Value::List(texts.begin(), texts.end()));
}
int64_t number_at(const Value& d, const std::string& name) {
  const auto& v = field(d, name);
  if (v.is_int()) return std::get<int64_t>(v.data);
  if (v.is_string())
    if (const auto i = python_int(v.string())) return *i;
  fail("the field '{}' is no whole number", name);
}
/// By code points, as Python cuts a str; counts from the end where negative.
std::string cut(const std::string& text, int64_t begin, int64_t end) {
  std::vector<size_t> starts;
  for (size_t at = 0; at < text.size(); at += text::char_length(text[at])) starts.push_back(at);
  const auto n = static_cast<int64_t>(starts.size());
  const auto place = [&](int64_t i) { return std::clamp<int64_t>(i < 0 ? i + n : i, 0, n); };
  const auto from = place(begin), to = place(end);
  if (from >= to) return "";
  const auto at = [&](int64_t i) { return i == n ? text.size() : starts[static_cast<size_t>(i)]; };
  return text.substr(at(from), at(to) - at(from));
}
constexpr int64_t kEnd = INT64_MAX / 2;

std::string cleaned(std::string text) {
  static const text::PythonRegex kBrackets("\\[.*?\\]");
  text = text::replace_all(text::strip(text), " [title]", ". ");
  return text::replace_all(kBrackets.sub(text, ""), "  ", " ");
}

std::vector<std::string> distinct(std::vector<std::string> all) {
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

}  // namespace

Value hellaswag_document(const Value& d) {
  auto out = d;
  const auto &first = text_of(d, "ctx_a"), &second = text_of(d, "ctx_b");
  const auto context = first + " " + text::capitalize(second);
  out.set("query", cleaned(text_of(d, "activity_label") + ": " + context));
  std::vector<std::string> choices;
  for (const auto& e : texts_of(d, "endings")) choices.push_back(cleaned(e));
  out.set("choices", list_from(choices));
  out.set("gold", Value(number_at(d, "label")));
  return out;
}

namespace {

/// RACE keeps its questions as the text of a Python list.
Value::List race_problems(const Value& d) {
  const auto& written = field(d, "problems");
  const auto read = written.is_string() ? python_literal(written.string()) : written;
  if (!read || !read->is_list() || read->list().empty())
    fail("the field 'problems' is no list of questions");
  return read->list();
}
int64_t race_letter(const Value& problem) {
  const auto& letter = text_of(problem, "answer");
  if (letter.size() != 1 || letter[0] < 'A' || letter[0] > 'D')
    fail("an answer is '{}', none of A to D", letter);
  return letter[0] - 'A';
}
std::string race_option(const Value& problem) {
  const auto options = texts_of(problem, "options");
  const auto i = static_cast<size_t>(race_letter(problem));
  if (i >= options.size()) fail("a question has {} options", options.size());
  return options[i];
}

}  // namespace

Value race_text(const Value& d) {
  const auto problems = race_problems(d);
  auto out = "Article: " + text_of(d, "article") + "\n\n";
  for (size_t i = 0; i + 1 < problems.size(); ++i) {
    const auto& question = text_of(problems[i], "question");
    if (question.ends_with("  _  ."))
      out += question.substr(0, question.size() - 5) + race_option(problems[i]) + "\n";
    else
      out += "Question: " + question + "\nAnswer: " + race_option(problems[i]) + "\n";
  }
  return out + text_of(problems.back(), "question");
}
Value race_target(const Value& d) {
  return race_letter(race_problems(d).back());
}
Value race_choices(const Value& d) {
  auto options = texts_of(race_problems(d).back(), "options");
  if (options.size() < 4) fail("a question has {} options where four are needed", options.size());
  options.resize(4);
  return list_from(options);
}

Value record_document(const Value& d) {
  auto out = d;
  out.set("entities", list_from(distinct(texts_of(d, "entities"))));
  out.set("answers", list_from(distinct(texts_of(d, "answers"))));
  return out;
}
Value record_text(const Value& d) {
  const auto parts = text::split(text::strip(text_of(d, "passage")), "\n@highlight\n");
  auto out = parts.front() + "\n\n";
  for (size_t i = 1; i < parts.size(); ++i) out += "  - " + parts[i] + ".\n";
  return out;
}
namespace {
std::string record_answer(const Value& d, const std::string& entity) {
  return text::replace_all("  - " + text_of(d, "query"), "@placeholder", entity);
}
}  // namespace
Value record_target(const Value& d) {
  const auto answers = texts_of(d, "answers");
  if (answers.empty()) fail("has no answer");
  return record_answer(d, answers.front());
}
Value record_choices(const Value& d) {
  std::vector<std::string> all;
  for (const auto& e : texts_of(d, "entities")) all.push_back(record_answer(d, e));
  return list_from(all);
}

Value wsc_text(const Value& d) {
  const auto& raw = text_of(d, "text");
  const auto &pronoun = text_of(d, "span2_text"), &noun = text_of(d, "span1_text");
  const auto words = text::split_blanks(raw);
  const auto before = std::min(
      static_cast<size_t>(std::max<int64_t>(number_at(d, "span2_index"), 0)), words.size());
  std::string pre;
  for (size_t i = 0; i < before; ++i) pre += (i ? " " : "") + words[i];
  const auto behind = static_cast<int64_t>(text::count_chars(pre) + text::count_chars(pronoun)) + 1;
  auto passage = pre + " *" + pronoun + "*" + cut(raw, behind, kEnd);
  for (const auto& [from, to] :
       {std::pair{" n't", "n't"}, {" )", ")"}, {"( ", "("}, {"\" ", "\""}, {" \"", "\""}})
    passage = text::replace_all(passage, from, to);
  static const text::PythonRegex kMarks(" (['.,])");
  passage = kMarks.sub(passage, "\\1");
  return "Passage: " + passage + "\nQuestion: In the passage above, does the pronoun \"*" +
         pronoun + "*\" refer to \"*" + noun + "*\"?\nAnswer:";
}

Value mathqa_choices(const Value& d) {
  static const text::PythonRegex kOption("[abcd] \\) .*?, |e \\) .*?$");
  std::vector<std::string> all;
  for (const auto& match : kOption.find_all(text_of(d, "options"))) {
    auto option = cut(match.front(), 4, kEnd);
    while (!option.empty() && (option.back() == ' ' || option.back() == ',')) option.pop_back();
    all.push_back(option);
  }
  return list_from(all);
}

Value webqs_choices(const Value& d) {
  auto all = texts_of(d, "answers");
  std::sort(all.begin(), all.end());
  std::vector<std::string> kept;
  for (const auto& a : all)
    if (kept.empty() || !a.starts_with(kept.back())) kept.push_back(a);
  return list_from(kept);
}
Value webqs_target(const Value& d) {
  Value::List all;
  for (int64_t i = 0; i < static_cast<int64_t>(webqs_choices(d).list().size()); ++i)
    all.emplace_back(i);
  return all;
}

Value coqa_text(const Value& d) {
  const auto questions = texts_of(field(d, "questions"), "input_text");
  const auto answers = texts_of(field(d, "answers"), "input_text");
  auto out = text_of(d, "story") + "\n\n";
  for (size_t i = 0; i < questions.size(); ++i) {
    out += "Q: " + questions[i] + "\n\n";
    out += i + 1 < answers.size() ? "A: " + answers[i] + "\n\n" : "A:";
  }
  return out;
}
Value coqa_target(const Value& d) {
  const auto turn = list_of(field(d, "questions"), "input_text").size();
  const auto at_turn = [&](const Value& answers) {
    const auto all = texts_of(answers, "input_text");
    if (turn == 0 || turn > all.size()) fail("has {} questions and {} answers", turn, all.size());
    return all[turn - 1];
  };
  std::vector<std::string> all{at_turn(field(d, "answers"))};
  const auto* more = d.find("additional_answers");
  if (more && more->is_map())
    for (const auto& e : more->map()) {
      const auto other = at_turn(e.value);
      if (std::none_of(all.begin(), all.end(), [&](const std::string& a) {
            return text::lower_case(a) == text::lower_case(other);
          }))
        all.push_back(other);
    }
  return list_from(all);
}

Value wsc273_document(const Value& d) {
  static const std::set<std::string> kUpper{"A",    "An", "The", "She", "He",   "It",
                                            "They", "My", "His", "Her", "Their"};
  static const std::set<std::string> kOwners{"my", "his", "her", "our", "their"};
  auto out = d;
  const auto whole = text::replace_all(text_of(d, "text"), "  ", " ");
  out.set("text", whole);
  const auto place = number_at(d, "pronoun_loc");
  const bool begins = cut(whole, place - 2, place - 2 == -1 ? kEnd : place - 1) == ".";
  std::vector<std::string> options;
  for (auto option : texts_of(d, "options")) {
    if (kOwners.contains(text::lower_case(text_of(d, "pronoun")))) option += "'s";
    const auto words = text::split_blanks(option);
    if (!words.empty() && !begins && kUpper.contains(words.front()))
      option = text::replace_all(option, words.front(), text::lower_case(words.front()));
    options.push_back(option);
  }
  out.set("options", list_from(options));
  return out;
}

Value hendrycks_document(const Value& d) {
  const auto answer = last_boxed(text_of(d, "solution"));
  if (!answer) fail("the solution boxes no answer");
  auto out = d;
  out.set("answer", *answer);
  return out;
}

}  // namespace bench::helpers
