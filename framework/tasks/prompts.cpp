#include "tasks/prompts.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "hydra/yaml/scalar.h"
#include "data/data.h"
#include "data/text_source.h"
#include "data/documents.h"
#include "jinja/python_string.h"
#include "base/utf8.h"
#include "data/wikitext.h"

namespace bench {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kFewshotSeed = 1234;  // lm_eval/defaults.py

/// A number of a choice as Python indexes a list: true is 1, a float may stand for a whole number,
/// and below zero counts from the end. None for anything else.
std::optional<int64_t> number_of(const Value& label) {
  if (label.is_int()) return std::get<int64_t>(label.data);
  if (label.is_bool()) return std::get<bool>(label.data) ? 1 : 0;
  if (!label.is_float()) return {};
  const double d = std::get<double>(label.data);
  if (!(std::abs(d) < 1e15) || d != std::floor(d)) return {};
  return static_cast<int64_t>(d);
}

/// The choice that a label names, as it stands in an example or as a reference; none where Python
/// would raise.
std::optional<std::string> named_choice(const Value& label,
                                        const std::vector<std::string>& choices) {
  auto i = number_of(label);
  const auto n = static_cast<int64_t>(choices.size());
  if (i && *i < 0) *i += n;
  if (!i || *i < 0 || *i >= n) return {};
  return choices[static_cast<size_t>(*i)];
}

/// Which choices a label calls right: a number, a choice's text, or a list of numbers. What names
/// no choice, or counts from the end, is never right (lm_eval/api/task.py, process_results).
std::vector<int64_t> right_choices(const Value& label, const std::vector<std::string>& choices,
                                   bool& beyond) {
  std::vector<int64_t> right;
  const auto add = [&](const Value& one) {
    const auto n = static_cast<int64_t>(choices.size());
    std::optional<int64_t> i = number_of(one);
    if (one.is_string())
      if (const auto at = std::find(choices.begin(), choices.end(), one.string());
          at != choices.end())
        i = at - choices.begin();
    if (i && *i >= 0 && *i < n)
      right.push_back(*i);
    else
      beyond = true;
  };
  if (label.is_list())
    for (const auto& one : label.list()) add(one);
  else
    add(label);
  return right;
}

}  // namespace

Prompts::Prompts(TaskDefinition definition, int64_t shots, const std::string& documents,
                 const std::string& fewshot_documents, PromptForm form)
    : task_(std::move(definition)),
      shots_(shots < 0 ? task_.fewshot : shots),
      documents_(documents.empty() ? task_.documents : documents),
      form_(std::move(form)) {
  const auto file = task_.file.string();
  if (documents_.empty())
    fail(
        "{}: its documents are '{}' of the Hugging Face hub, and nothing is downloaded; name a "
        "local file with `documents`",
        file, task_.hub);
  if (task_.output_type == "multiple_choice" && !task_.choice.given())
    fail("{}: a multiple choice needs doc_to_choice", file);
  if (task_.output_type != "loglikelihood_rolling" && !task_.text.given())
    fail("{}: doc_to_text is missing", file);
  if (!task_.target.given()) fail("{}: doc_to_target is missing", file);
  if (shots_ == 0 || task_.fewshot_samples.is_list()) return;
  examples_ = !fewshot_documents.empty()       ? fewshot_documents
              : task_.examples == task_.scored ? documents_
                                               : task_.fewshot_documents;
  if (examples_.empty())
    fail(
        "{}: its examples come from the split '{}', for which no file is named; name one with "
        "`fewshot_documents`",
        file, task_.examples);
}

std::vector<Value> Prompts::rows_of(const std::string& file, int64_t limit) const {
  auto rows = read_documents_of(file, limit);
  if (!task_.made) return rows;
  for (size_t i = 0; i < rows.size(); ++i) {
    try {
      rows[i] = task_.made(rows[i]);
    } catch (const Error& e) {
      fail("{}, document {}: {}", file, i, e.what());
    }
  }
  return rows;
}

std::vector<Question> Prompts::questions(int64_t limit, const DocumentRules& rules) const {
  if (task_.wikitext) return pages(limit);
  std::vector<Question> all;
  const auto documents = rows_of(documents_, limit);
  std::vector<Value> examples;
  if (!examples_.empty())
    examples = rows_of(examples_, 0);
  else if (shots_ > 0)
    examples = task_.fewshot_samples.list();
  if (shots_ > 0 && !task_.example_numbers.empty()) {
    std::vector<Value> some;
    for (const auto i : task_.example_numbers) {
      if (i >= static_cast<int64_t>(examples.size()))
        fail("{}: fewshot_indices names document {} of {}", task_.file.string(), i,
             examples.size());
      some.push_back(examples[static_cast<size_t>(i)]);
    }
    examples = std::move(some);
  }
  PythonRandom random(kFewshotSeed);  // one stream for the whole task
  for (size_t i = 0; i < documents.size(); ++i) {
    try {
      auto before = opening(documents[i]);
      if (shots_ > 0)
        for (const auto* e : examples_for(documents[i], examples, rules, random)) show(*e, before);
      all.push_back(question(documents[i], before));
    } catch (const Error& e) {
      fail("{}, document {}: {}", documents_, i, e.what());
    }
    all.back().document = static_cast<int64_t>(i);
  }
  return all;
}

namespace {

/// Pages of WikiText: rows of a table with the field "page", or a text that is cut at its headings.
std::vector<std::string> wikitext_documents(const std::string& file) {
  const auto kind = fs::path(file).extension() == ".gz" ? fs::path(file).stem() : fs::path(file);
  const auto ending = kind.extension();
  if (ending != ".jsonl" && ending != ".json" && ending != ".csv")
    return text::wikitext_pages(read_utf8(data_file(file)));
  std::vector<std::string> pages;
  for (const auto& row : read_documents_of(file, 0)) {
    const auto* page = row.find("page");
    if (!page || !page->is_string())
      fail("{}, document {}: has no text in the field 'page'", file, pages.size());
    pages.push_back(page->string());
  }
  return pages;
}

}  // namespace

std::vector<Question> Prompts::pages(int64_t limit) const {
  std::vector<Question> all;
  for (auto& page : wikitext_documents(documents_)) {
    if (limit && static_cast<int64_t>(all.size()) == limit) break;
    Question q;
    q.document = static_cast<int64_t>(all.size());
    q.continuations = {text::wikitext_detokenise(page)};
    q.references = {std::move(page)};
    all.push_back(std::move(q));
  }
  return all;
}

int64_t Prompts::count() const {
  const auto n = task_.wikitext ? wikitext_documents(documents_).size()
                                : read_documents_of(documents_, 0).size();
  return static_cast<int64_t>(n);
}

/// The versions' samplers: lm_eval/api/samplers.py of 0.4.9.1 and 0.4.13.
std::vector<const Value*> Prompts::examples_for(const Value& document,
                                                const std::vector<Value>& from,
                                                const DocumentRules& rules,
                                                PythonRandom& random) const {
  const bool redraws = rules.own == DocumentRules::Own::Redrawn;
  const bool drops = !redraws || task_.names_own_split;
  std::vector<const Value*> pool, others;
  for (const auto& d : from) {
    pool.push_back(&d);
    if (drops && !(d == document)) others.push_back(&d);
  }
  // One more where the document itself may be drawn; it is then left out.
  const auto wanted = shots_ + (task_.names_own_split ? 1 : 0);
  const auto first = [&](const std::vector<const Value*>& all, int64_t count) {
    if (count > static_cast<int64_t>(all.size()))
      fail("{} examples are needed where {} documents are there", count, all.size());
    return std::vector<const Value*>(all.begin(), all.begin() + count);
  };
  const auto drawn = [&](const std::vector<const Value*>& all, int64_t count) {
    first(all, count);
    std::vector<const Value*> some;
    for (const auto i : random.sample(static_cast<int64_t>(all.size()), count))
      some.push_back(all[static_cast<size_t>(i)]);
    return some;
  };
  const auto without_own = [&](std::vector<const Value*> some) {
    if (drops) std::erase_if(some, [&](const Value* d) { return *d == document; });
    if (static_cast<int64_t>(some.size()) > shots_) some.resize(static_cast<size_t>(shots_));
    return some;
  };
  std::vector<const Value*> examples;
  if (task_.first_examples && redraws)
    examples = first(drops ? others : pool, shots_);
  else
    examples = without_own(task_.first_examples ? first(pool, wanted) : drawn(pool, wanted));
  if (redraws && static_cast<int64_t>(examples.size()) < shots_) examples = drawn(others, shots_);
  return examples;
}

/// The system's instruction and the task's description.
std::vector<Message> Prompts::opening(const Value& document) const {
  const auto description =
      task_.description.given() ? python_str(task_.description.text_of(document, false)) : "";
  const auto system = delimited(form_.system, description, task_.fewshot_delimiter);
  if (system.empty()) return {};
  return {{"system", system}};
}

/// The turns as the model gets them. continues: the last one is an answer that is begun.
std::string Prompts::rendered(std::vector<Message> messages, bool continues) const {
  if (!form_.chat) return as_text(messages);
  if (!form_.multiturn) messages = in_one_turn(std::move(messages));
  return form_.chat->render(messages, !continues);
}

/// An example with its answer and what stands behind it.
void Prompts::show(const Value& document, std::vector<Message>& messages) const {
  const auto& x = task_.example;
  const bool choices = x.choice.given();
  const auto pick = [&](const Value& v) -> std::string {
    if (!choices || v.is_string() || v.is_null()) return python_str(v);
    const auto all = x.choice.list_of(document);
    const auto named = named_choice(v, all);
    if (!named) fail("an example's answer {} is none of {} choices", python_str(v), all.size());
    return *named;
  };
  const auto text = x.text.text_of(document, choices);
  const auto question = text.is_int() ? pick(text) : python_str(text);
  auto target = x.target.target_of(document, choices);
  if (target.is_list()) {
    if (target.list().empty()) fail("an empty list of answers");
    target = Value(python_str(Value(target.list().front())));
  }
  const auto answer = target.is_null() ? "" : pick(target);
  const auto prefix = x.prefix.given() ? python_str(x.prefix.text_of(document, false)) : "";
  const bool seam = prefix.empty() ? !answer.empty() : needs_delimiter(question, prefix);
  messages.push_back({"user", question, seam ? x.target_delimiter : ""});
  if (!answer.empty())
    messages.push_back({"assistant", delimited(prefix, answer, " "), x.delimiter});
  else if (!prefix.empty())
    messages.push_back({"assistant", prefix});
}

namespace {

/// Choices that mc2_targets.labels calls true.
std::vector<int64_t> true_ones(const Value& document) {
  const auto* targets = document.find("mc2_targets");
  const auto* labels = targets ? targets->find("labels") : nullptr;
  if (!labels || !labels->is_list()) fail("has no list 'mc2_targets.labels'");
  std::vector<int64_t> all;
  for (size_t i = 0; i < labels->list().size(); ++i)
    if (number_of(labels->list()[i]) == 1) all.push_back(static_cast<int64_t>(i));
  return all;
}

std::vector<std::string> texts_at(const Value& document, const std::string& field) {
  const auto* all = document.find(field);
  if (!all || !all->is_list()) fail("has no list '{}'", field);
  std::vector<std::string> texts;
  for (const auto& t : all->list()) texts.push_back(python_str(t));
  return texts;
}

}  // namespace

Question Prompts::question(const Value& document, const std::vector<Message>& before) const {
  Question q;
  const bool choices = task_.choice.given();
  const auto text = task_.text.given() ? task_.text.text_of(document, choices) : Value("");
  const auto prefix = task_.prefix.given() ? python_str(task_.prefix.text_of(document, false)) : "";
  if (task_.output_type == "multiple_choice") {
    add_choices(q, document, text, before, prefix);
    return q;
  }
  if (task_.output_type != "loglikelihood_rolling") {
    auto messages = before;
    const auto asked = text.is_int() && choices ? "" : python_str(text);
    messages.push_back(
        {"user", asked,
         needs_delimiter(asked, prefix) && !prefix.empty() ? task_.target_delimiter : ""});
    if (!prefix.empty()) messages.push_back({"assistant", prefix});
    q.contexts = {rendered(std::move(messages), !prefix.empty())};
  }
  const auto target = task_.target.target_of(document, choices);
  if (task_.output_type == "generate_until") {
    add_references(q, document, target);
    for (const auto& chain : task_.filters)
      for (const auto& step : chain.steps)
        if (step.function == "multi_choice_regex") q.names = texts_at(document, "choices");
    return q;
  }
  // A plain log-likelihood has no delimiter (lm_eval/api/task.py).
  q.continuations = {python_str(target)};
  if (task_.output_type == "loglikelihood_rolling") q.references = q.continuations;
  return q;
}

/// Answers that count as right: the choice that the target names where there are choices.
void Prompts::add_references(Question& q, const Value& document, const Value& target) const {
  if (task_.choice.given() && !target.is_list()) {
    const auto choices = task_.choice.list_of(document);
    const bool text = target.is_string() &&
                      std::find(choices.begin(), choices.end(), target.string()) != choices.end();
    const auto named = text ? std::optional(target.string()) : named_choice(target, choices);
    if (named)
      q.references = {*named};
    else
      q.label_beyond = true;
    return;
  }
  if (!target.is_list())
    q.references = {python_str(target)};
  else
    for (const auto& t : target.list()) q.references.push_back(python_str(t));
}

void Prompts::add_choices(Question& q, const Value& document, const Value& text,
                          const std::vector<Message>& before, const std::string& prefix) const {
  const auto choices = task_.choice.list_of(document);
  const auto target = task_.target.target_of(document, true);
  for (const auto& c : choices) {
    q.characters.push_back(static_cast<int64_t>(text::count_chars(c)));
    q.bytes.push_back(static_cast<int64_t>(c.size()));
  }
  // In a chat an answer begins a turn, unless one is begun that does not end in a blank.
  const auto written = task_.prefix.written();
  const bool seam = !form_.chat || (task_.prefix.given() && text::rstrip(written) == written);
  const auto delimiter = seam ? task_.target_delimiter : "";
  const auto context = [&](const std::string& asked, bool delimits) {
    auto messages = before;
    const bool between = delimits && !prefix.empty() && needs_delimiter(asked, prefix);
    messages.push_back({"user", asked, between ? task_.target_delimiter : ""});
    if (!prefix.empty()) messages.push_back({"assistant", prefix});
    return rendered(std::move(messages), !prefix.empty());
  };
  if (text.is_int()) {  // several contexts, one continuation: the text is the answer's number
    for (const auto& c : choices) {
      q.contexts.push_back(context(c, false));
      q.continuations.push_back(delimiter + python_str(target));
    }
  } else {
    q.contexts = {context(python_str(text), true)};
    for (const auto& c : choices) q.continuations.push_back(delimiter + c);
  }
  if (task_.results == "mc2")
    q.right = true_ones(document);
  else
    q.right = right_choices(text.is_int() ? text : target, choices, q.label_beyond);
  if (task_.results != "record") return;
  q.references = texts_at(document, "answers");
  q.names = texts_at(document, "entities");
}

}  // namespace bench
