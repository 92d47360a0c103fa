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

/// Without special tokens, as lm-eval decodes (huggingface.py, tok_decode).
std::string plain_text(const Tokenizer& tokenizer, Sequence ids) {
  std::erase_if(ids, [&](int64_t id) { return tokenizer.is_special(id); });
  return tokenizer.decode(ids);
}

}  // namespace

std::vector<GeneratedText> generate_answers(const Model& model,
                                            const std::vector<Sequence>& prompts,
                                            const Tokenizer& tokenizer, const GenerationRule& rule,
                                            int64_t batch_tokens,
                                            const std::function<void(int64_t, int64_t)>& progress) {
  const auto ends = [&](const Sequence& made) {
    if (!rule.stop_at_eos || made.empty()) return false;
    return tokenizer.eos() == made.back() ||
           std::find(rule.ends.begin(), rule.ends.end(), made.back()) != rule.ends.end();
  };
  const auto stop = [&](size_t, const Sequence& made) {
    if (ends(made)) return true;
    auto text = rule.until.empty() ? "" : plain_text(tokenizer, made);
    return cut_at(text, rule.until);
  };
  std::vector<GeneratedText> all;
  for (auto& ids : generate(model, prompts, rule.max_new_tokens, batch_tokens, stop, progress)) {
    GeneratedText one{std::move(ids), "", "length"};
    if (ends(one.ids)) one.stop = "eos";
    one.text = plain_text(tokenizer, one.ids);
    if (cut_at(one.text, rule.until)) one.stop = "until";
    all.push_back(std::move(one));
  }
  return all;
}

std::vector<std::string> generate_texts(const Model& model, const std::vector<Sequence>& prompts,
                                        const Tokenizer& tokenizer, const GenerationRule& rule,
                                        int64_t batch_tokens,
                                        const std::function<void(int64_t, int64_t)>& progress) {
  std::vector<std::string> texts;
  for (auto& one : generate_answers(model, prompts, tokenizer, rule, batch_tokens, progress))
    texts.push_back(std::move(one.text));
  return texts;
}

}  // namespace bench
