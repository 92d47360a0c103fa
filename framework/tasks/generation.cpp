#include "tasks/generation.h"

#include <algorithm>

namespace bench {
namespace {

/// Cut at each stop text in its turn, as lm-eval splits (models/huggingface.py); true if any is
/// there.
bool cut_at(std::string& text, const std::vector<std::string>& until) {
  const auto before = text.size();
  for (const auto& end : until)
    if (!end.empty()) text.resize(std::min(text.size(), text.find(end)));
  return text.size() < before;
}

}  // namespace

std::vector<GeneratedText> generate_answers(const Model& model,
                                            const std::vector<Sequence>& prompts,
                                            const Tokenizer& tokenizer, const GenerationRule& rule,
                                            int64_t batch_tokens,
                                            const std::function<void(int64_t, int64_t)>& progress) {
  const auto ends = [&](const Sequence& made) {
    return rule.stop_at_eos && tokenizer.eos() && !made.empty() && made.back() == *tokenizer.eos();
  };
  const auto stop = [&](size_t, const Sequence& made) {
    if (ends(made)) return true;
    auto text = rule.until.empty() ? "" : tokenizer.decode(made);
    return cut_at(text, rule.until);
  };
  std::vector<GeneratedText> all;
  for (auto& ids : generate(model, prompts, rule.max_new_tokens, batch_tokens, stop, progress)) {
    GeneratedText one{ids, "", "length"};
    if (ends(ids)) {
      one.stop = "eos";
      ids.pop_back();
    }
    one.text = tokenizer.decode(ids);
    if (cut_at(one.text, rule.until)) one.stop = "until";
    all.push_back(std::move(one));
  }
  return all;
}

std::vector<std::string> generate_texts(const Model& model, const std::vector<Sequence>& prompts,
                                        const Tokenizer& tokenizer, const TaskDefinition& task,
                                        int64_t batch_tokens,
                                        const std::function<void(int64_t, int64_t)>& progress) {
  std::vector<std::string> texts;
  for (auto& one : generate_answers(model, prompts, tokenizer, {task.max_new_tokens, task.until},
                                    batch_tokens, progress))
    texts.push_back(std::move(one.text));
  return texts;
}

}  // namespace bench
