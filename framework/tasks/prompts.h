#pragma once
#include <string>
#include <vector>

#include "base/python_random.h"
#include "tasks/definition.h"

namespace bench {

/// One document as it is sent.
struct Question {
  std::vector<std::string> contexts;       // one, or one per choice (winogrande)
  std::vector<std::string> continuations;  // with the delimiter in front; none where one is made
  std::vector<int64_t> characters,
      bytes;  // of each bare choice: what acc_norm, acc_bytes divide by
  int64_t gold = 0;
  std::vector<std::string> references;  // generate_until: answers that count as right
  int64_t document = 0;                 // its number in the file
};

/// Documents become questions as lm-eval builds its requests (evaluation.md 4): few-shot examples
/// from random.Random(1234), description first, the delimiter before each choice.
class Prompts {
 public:
  /// shots < 0: the definition's. documents: a data file that replaces the definition's.
  Prompts(TaskDefinition definition, int64_t shots, const std::string& documents);

  const TaskDefinition& definition() const { return task_; }
  int64_t shots() const { return shots_; }
  const std::string& documents() const { return documents_; }
  /// The first `limit` documents, 0 for all.
  std::vector<Question> questions(int64_t limit) const;
  /// How many there are.
  int64_t count() const;

 private:
  Question question(const Value& document, const std::string& examples) const;
  void add_choices(Question& q, const Value& document, const Value& text) const;
  int64_t gold_of(const Value& target, const std::vector<std::string>& choices) const;
  std::string shown(const Value& document) const;
  std::string examples_for(const Value& document, const std::vector<Value>& from,
                           PythonRandom& random) const;

  TaskDefinition task_;
  int64_t shots_;
  std::string documents_;
};

}  // namespace bench
