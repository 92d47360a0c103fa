#include "tasks/documents.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/near.h"
#include "io/data.h"
#include "text/utf8.h"

namespace bench {
namespace {

using Json = nlohmann::json;

void add_choice(Question& q, const std::string& choice) {
  q.continuations.push_back(" " + choice);
  q.characters.push_back(static_cast<int64_t>(text::count_chars(choice)));
  q.bytes.push_back(static_cast<int64_t>(choice.size()));
}

std::string field(const Json& doc, const char* field) {
  return doc.at(field).get<std::string>();
}

Question question(std::string context, const std::vector<std::string>& all, int64_t gold) {
  Question q;
  q.contexts = {std::move(context)};
  for (const auto& c : all) add_choice(q, c);
  q.gold = gold;
  return q;
}

std::vector<std::string> choices(const Json& doc) {
  return doc.at("choices").get<std::vector<std::string>>();
}

Question as_it_stands(const Json& d) {
  return question(field(d, "query"), choices(d), d.at("gold").get<int64_t>());
}

Question piqa(const Json& d) {
  return question("Question: " + field(d, "goal") + "\nAnswer:",
                  {field(d, "sol1"), field(d, "sol2")}, d.at("label").get<int64_t>());
}

/// lm-eval sends the bare stem; the file wraps it.
Question openbookqa(const Json& d) {
  static const std::string kFront = "Question: ", kBack = "\nAnswer:";
  auto stem = field(d, "query");
  if (stem.rfind(kFront, 0) == 0) stem.erase(0, kFront.size());
  if (stem.ends_with(kBack)) stem.erase(stem.size() - kBack.size());
  return question(std::move(stem), choices(d), d.at("gold").get<int64_t>());
}

/// lm-eval's order is no, yes; the file's gold counts yes, no.
Question boolq(const Json& d) {
  return question(field(d, "query"), {"no", "yes"}, 1 - d.at("gold").get<int64_t>());
}

Question winogrande(const Json& d) {
  const auto sentence = field(d, "sentence");
  const auto blank = sentence.find('_');
  if (blank == std::string::npos) throw Json::other_error::create(501, "no blank", &d);
  auto rest = sentence.substr(blank + 1);
  const auto begin = rest.find_first_not_of(" \t\n");
  rest = begin == std::string::npos
             ? ""
             : rest.substr(begin, rest.find_last_not_of(" \t\n") + 1 - begin);
  Question q;
  for (const char* option : {"option1", "option2"}) {
    q.contexts.push_back(sentence.substr(0, blank) + field(d, option));
    add_choice(q, rest);
  }
  q.gold = field(d, "answer") == "1" ? 0 : 1;
  return q;
}

using Recipe = Question (*)(const Json&);
const std::vector<std::pair<std::string, Recipe>> kRecipes{
    {"arc", as_it_stands},      {"boolq", boolq}, {"olmes", as_it_stands},
    {"openbookqa", openbookqa}, {"piqa", piqa},   {"winogrande", winogrande}};

}  // namespace

const std::vector<std::string>& recipes() {
  static const auto names = [] {
    std::vector<std::string> all;
    for (const auto& [name, recipe] : kRecipes) all.push_back(name);
    return all;
  }();
  return names;
}

std::vector<Question> read_questions(const std::string& name, const std::string& recipe,
                                     int64_t limit) {
  Recipe build = nullptr;
  for (const auto& [known, function] : kRecipes)
    if (known == recipe) build = function;
  if (!build) fail("recipe '{}' is not known{}", recipe, suggestion(recipe, recipes()));
  const auto file = data_file(name);
  const auto all = read_file(file);
  std::vector<Question> questions;
  size_t line = 0;
  for (size_t at = 0; at < all.size();) {
    const auto end = std::min(all.find('\n', at), all.size());
    const auto row = all.substr(at, end - at);
    at = end + 1;
    ++line;
    if (row.empty()) continue;
    if (limit && static_cast<int64_t>(questions.size()) == limit) break;
    try {
      questions.push_back(build(Json::parse(row)));
    } catch (const Json::exception& e) {
      fail("{}:{}: is no document of the recipe {}: {}", file.string(), line, recipe, e.what());
    }
    const auto& q = questions.back();
    if (q.gold < 0 || q.gold >= static_cast<int64_t>(q.continuations.size()))
      fail("{}:{}: its gold answer {} is none of {} choices", file.string(), line, q.gold,
           q.continuations.size());
  }
  if (questions.empty()) fail("{}: holds no document", file.string());
  return questions;
}

}  // namespace bench
