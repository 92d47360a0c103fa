#pragma once
#include <string>
#include <vector>

#include "base/python_random.h"
#include "tasks/chat.h"
#include "tasks/definition.h"
#include "tasks/protocol.h"

namespace bench {

/// One document as it is sent.
struct Question {
  std::vector<std::string> contexts;       // one, or one per choice (winogrande)
  std::vector<std::string> continuations;  // with the delimiter in front; none where one is made
  std::vector<int64_t> characters,
      bytes;                   // of each bare choice: what acc_norm, acc_bytes divide by
  std::vector<int64_t> right;  // choices that count as right; none where the label is no choice
  std::vector<std::string> references;  // generate_until and ReCoRD: answers that count as right
  std::vector<std::string> names;       // what each choice says, where answers are compared with it
  bool label_beyond = false;            // the document's label names no choice: it counts as wrong
  int64_t document = 0;                 // its number in the file
};

/// What stands around a document's text, for all of a task.
struct PromptForm {
  std::shared_ptr<const ChatTemplate> chat;  // null: all turns are one text
  bool multiturn = true;                     // of a chat: examples are turns of their own
  std::string system;                        // an instruction in front
};

/// Documents become questions as lm-eval builds its requests (evaluation.md 4): few-shot examples
/// from random.Random(1234), description first, the delimiter before each choice.
class Prompts {
 public:
  /// shots < 0: the definition's. documents, fewshot_documents: data files that replace the
  /// definition's. Examples of a split for which no file is named are an Error: no other split
  /// stands in for it.
  Prompts(TaskDefinition definition, int64_t shots, const std::string& documents,
          const std::string& fewshot_documents = "", PromptForm form = {});

  const TaskDefinition& definition() const { return task_; }
  int64_t shots() const { return shots_; }
  const std::string& documents() const { return documents_; }
  /// Where examples are read from; "" where none are, or the definition holds them.
  const std::string& examples_file() const { return examples_; }
  /// The first `limit` documents, 0 for all.
  std::vector<Question> questions(int64_t limit, const DocumentRules& rules = {}) const;
  /// How many there are.
  int64_t count() const;

 private:
  Question question(const Value& document, const std::vector<Message>& before) const;
  void add_choices(Question& q, const Value& document, const Value& text,
                   const std::vector<Message>& before, const std::string& prefix) const;
  /// Rows of a file as the parts read them (process_docs).
  std::vector<Value> rows_of(const std::string& file, int64_t limit) const;
  void add_references(Question& q, const Value& document, const Value& target) const;
  std::vector<Question> pages(int64_t limit) const;
  std::vector<Message> opening(const Value& document) const;
  void show(const Value& document, std::vector<Message>& messages) const;
  std::string rendered(std::vector<Message> messages, bool continues) const;
  std::vector<const Value*> examples_for(const Value& document, const std::vector<Value>& from,
                                         const DocumentRules& rules, PythonRandom& random) const;

  TaskDefinition task_;
  int64_t shots_;
  std::string documents_, examples_;
  PromptForm form_;
};

}  // namespace bench
