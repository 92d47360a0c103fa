#pragma once
#include <string>
#include <vector>

namespace bench {

/// One multiple-choice question as it is sent: a context and a continuation per choice.
struct Question {
  std::vector<std::string> contexts;       // one, or one per choice (winogrande)
  std::vector<std::string> continuations;  // with the delimiter in front
  std::vector<int64_t> characters,
      bytes;  // of each bare choice: what acc_norm, acc_bytes divide by
  int64_t gold = 0;
};

/// Documents of a task's file as lm-eval builds its requests (evaluation.md 4). recipe: arc, piqa,
/// openbookqa, boolq, winogrande, olmes (query and choices as they stand).
std::vector<Question> read_questions(const std::string& file, const std::string& recipe,
                                     int64_t limit);
const std::vector<std::string>& recipes();

}  // namespace bench
