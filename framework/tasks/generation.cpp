#include "tasks/generation.h"

#include <algorithm>

namespace bench {

std::vector<std::string> generate_texts(const Model& model, const std::vector<Sequence>& prompts,
                                        const Tokenizer& tokenizer, const TaskDefinition& task,
                                        int64_t batch_tokens,
                                        const std::function<void(int64_t, int64_t)>& progress) {
  const auto stop = [&](size_t, const Sequence& made) {
    if (tokenizer.eos() && made.back() == *tokenizer.eos()) return true;
    const auto text = tokenizer.decode(made);
    return std::any_of(task.until.begin(), task.until.end(), [&](const std::string& end) {
      return !end.empty() && text.find(end) != std::string::npos;
    });
  };
  std::vector<std::string> texts;
  for (auto& ids : generate(model, prompts, task.max_new_tokens, batch_tokens, stop, progress)) {
    if (tokenizer.eos() && !ids.empty() && ids.back() == *tokenizer.eos()) ids.pop_back();
    auto text = tokenizer.decode(ids);
    for (const auto& end : task.until)
      if (!end.empty()) text = text.substr(0, text.find(end));
    texts.push_back(std::move(text));
  }
  return texts;
}

}  // namespace bench
