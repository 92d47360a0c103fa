#include "tasks/prompts.h"

#include <algorithm>

#include "base/error.h"
#include "hydra/yaml/scalar.h"
#include "data/data.h"
#include "tasks/documents.h"
#include "jinja/python_string.h"
#include "base/utf8.h"
#include "data/wikitext.h"

namespace bench {
namespace {

constexpr uint64_t kFewshotSeed = 1234;  // lm_eval/defaults.py

}  // namespace

Prompts::Prompts(TaskDefinition definition, int64_t shots, const std::string& documents)
    : task_(std::move(definition)),
      shots_(shots < 0 ? task_.fewshot : shots),
      documents_(documents.empty() ? task_.documents : documents) {
  if (documents_.empty())
    fail(
        "{}: its documents are '{}' of the Hugging Face hub, and nothing is downloaded; name a "
        "local file with `documents`",
        task_.file.string(), task_.hub);
  if (task_.output_type == "multiple_choice" && !task_.choice.given())
    fail("{}: a multiple choice needs doc_to_choice", task_.file.string());
  if (task_.output_type != "loglikelihood_rolling" && !task_.text.given())
    fail("{}: doc_to_text is missing", task_.file.string());
  if (!task_.target.given()) fail("{}: doc_to_target is missing", task_.file.string());
}

std::vector<Question> Prompts::questions(int64_t limit) const {
  std::vector<Question> all;
  if (task_.wikitext) {
    auto pages = text::wikitext_pages(read_file(data_file(documents_)));
    if (limit && limit < static_cast<int64_t>(pages.size()))
      pages.resize(static_cast<size_t>(limit));
    for (auto& page : pages) {
      Question q;
      q.continuations = {text::wikitext_detokenise(page)};
      q.references = {std::move(page)};
      all.push_back(std::move(q));
    }
    return all;
  }
  const auto documents = read_documents_of(documents_, limit);
  std::vector<Value> examples;
  if (shots_ > 0 && task_.fewshot_samples.is_list())
    examples = task_.fewshot_samples.list();
  else if (shots_ > 0)
    examples = read_documents_of(
        task_.fewshot_documents.empty() ? documents_ : task_.fewshot_documents, 0);
  PythonRandom random(kFewshotSeed);  // one stream for the whole task
  for (size_t i = 0; i < documents.size(); ++i) {
    try {
      const auto before = shots_ > 0 ? examples_for(documents[i], examples, random) : "";
      all.push_back(question(documents[i], before));
    } catch (const Error& e) {
      fail("{}, document {}: {}", documents_, i, e.what());
    }
    all.back().document = static_cast<int64_t>(i);
  }
  return all;
}

int64_t Prompts::count() const {
  const auto n = task_.wikitext ? text::wikitext_pages(read_file(data_file(documents_))).size()
                                : read_documents_of(documents_, 0).size();
  return static_cast<int64_t>(n);
}

std::string Prompts::examples_for(const Value& document, const std::vector<Value>& from,
                                  PythonRandom& random) const {
  const auto available = static_cast<int64_t>(from.size());
  // One more where the document itself may be drawn; it is then left out.
  const auto wanted = shots_ + (task_.fewshot_from_documents ? 1 : 0);
  if (wanted > available)
    fail("{} examples are needed where {} documents are there", wanted, available);
  std::vector<int64_t> drawn;
  if (task_.first_examples)
    for (int64_t i = 0; i < wanted; ++i) drawn.push_back(i);
  else
    drawn = random.sample(available, wanted);
  std::string out;
  int64_t used = 0;
  for (const auto i : drawn) {
    const auto& example = from[static_cast<size_t>(i)];
    if (used == shots_ || example == document) continue;
    out += shown(example);
    ++used;
  }
  return out;
}

/// An example with its answer and what stands behind it.
std::string Prompts::shown(const Value& document) const {
  const bool choices = task_.choice.given();
  const auto pick = [&](const Value& v) -> std::string {
    if (!choices || !v.is_int()) return python_str(v);
    const auto all = task_.choice.list_of(document);
    const auto i = std::get<int64_t>(v.data);
    if (i < 0 || i >= static_cast<int64_t>(all.size()))
      fail("answer {} of {} choices", i, all.size());
    return all[static_cast<size_t>(i)];
  };
  auto out = pick(task_.text.of(document, choices));
  auto target = task_.target.of(document, choices);
  if (target.is_list()) {
    if (target.list().empty()) fail("an empty list of answers");
    target = Value(python_str(Value(target.list().front())));
  }
  const auto answer = pick(target);
  if (!answer.empty()) out += task_.target_delimiter + answer;
  return out + task_.fewshot_delimiter;
}

Question Prompts::question(const Value& document, const std::string& examples) const {
  Question q;
  const bool choices = task_.choice.given();
  auto before = task_.description.given() ? python_str(task_.description.of(document, false)) : "";
  before += examples;
  const auto text = task_.text.given() ? task_.text.of(document, choices) : Value("");
  q.contexts = {before + (text.is_int() && choices ? "" : python_str(text))};
  if (task_.output_type == "multiple_choice") {
    q.contexts = {before};
    add_choices(q, document, text);
    return q;
  }
  const auto target = task_.target.of(document, choices);
  if (task_.output_type == "generate_until") {
    if (target.is_list())
      for (const auto& t : target.list()) q.references.push_back(python_str(t));
    else
      q.references = {python_str(target)};
    return q;
  }
  // A plain log-likelihood has no delimiter (lm_eval/api/task.py).
  q.continuations = {python_str(target)};
  if (task_.output_type == "loglikelihood_rolling")
    q.references = q.continuations, q.contexts.clear();
  return q;
}

void Prompts::add_choices(Question& q, const Value& document, const Value& text) const {
  const auto choices = task_.choice.list_of(document);
  const auto target = task_.target.of(document, true);
  for (const auto& c : choices) {
    q.characters.push_back(static_cast<int64_t>(text::count_chars(c)));
    q.bytes.push_back(static_cast<int64_t>(c.size()));
  }
  if (text.is_int()) {  // several contexts, one continuation: the text is the answer's number
    const auto before = q.contexts.front();
    q.contexts.clear();
    for (const auto& c : choices) {
      q.contexts.push_back(before + c);
      q.continuations.push_back(task_.target_delimiter + python_str(target));
    }
    q.gold = gold_of(text, choices);
    return;
  }
  q.contexts.front() += python_str(text);
  for (const auto& c : choices) q.continuations.push_back(task_.target_delimiter + c);
  q.gold = gold_of(target, choices);
}

int64_t Prompts::gold_of(const Value& target, const std::vector<std::string>& choices) const {
  const auto n = static_cast<int64_t>(choices.size());
  if (target.is_string()) {
    const auto at = std::find(choices.begin(), choices.end(), target.string());
    if (at != choices.end()) return at - choices.begin();
    fail("the answer '{}' is none of {} choices", target.string(), n);
  }
  if (!target.is_int()) fail("the answer is a {}; one answer is needed", type_name(target));
  const auto gold = std::get<int64_t>(target.data);
  if (gold < 0 || gold >= n) fail("the answer {} is none of {} choices", gold, n);
  return gold;
}

}  // namespace bench
