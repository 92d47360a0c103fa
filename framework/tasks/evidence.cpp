#include "tasks/evidence.h"

namespace bench {
namespace {

/// A text a question: its context, then what is scored after it.
std::vector<std::string> texts_of(const std::vector<Question>& questions) {
  std::vector<std::string> all;
  for (const auto& q : questions) {
    std::string text = q.contexts.empty() ? "" : q.contexts.front();
    for (const auto& c : q.continuations) text += "\n" + c;
    all.push_back(std::move(text));
  }
  return all;
}

}  // namespace

Evidence evidence_of(const TaskContext& context, const Prompts& prompts,
                     const std::vector<Question>& questions, const std::string& task,
                     const std::string& items, const Protocol& protocol,
                     std::shared_ptr<const Tokenizer> tokenizer) {
  Evidence e;
  e.task = task;
  e.protocol = protocol.id;
  e.name = data_set_of(task.substr(0, task.find('@')));
  e.file = prompts.documents();
  e.definition = prompts.definition().file.string();
  e.items = items;
  const auto key = "rows|" + prompts.definition().file.string() + "|" + e.file;
  e.rows =
      *context.once<int64_t>(key, [&] { return std::make_shared<const int64_t>(prompts.count()); });
  e.tokenizer = std::move(tokenizer);
  e.variant = protocol.tokenizer;
  e.texts = [&questions] { return texts_of(questions); };
  return e;
}

}  // namespace bench
