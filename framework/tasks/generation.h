#pragma once
#include "tasks/definition.h"
#include "tasks/generate.h"
#include "tasks/scoring.h"
#include "tokenizers/tokenizer.h"

namespace bench {

/// When a greedy answer ends.
struct GenerationRule {
  int64_t max_new_tokens = 256;
  std::vector<std::string> until;  // texts; they and what follows them are cut off
  bool stop_at_eos = true;
};
struct GeneratedText {
  Sequence ids;      // as they were made, with the one that ended it
  std::string text;  // without EOS and stop texts
  std::string stop;  // what ended it: "eos", "until", "length"
};
/// Greedy answers to the prompts.
std::vector<GeneratedText> generate_answers(
    const Model& model, const std::vector<Sequence>& prompts, const Tokenizer& tokenizer,
    const GenerationRule& rule, int64_t batch_tokens,
    const std::function<void(int64_t, int64_t)>& progress = {});

/// Their texts, ended as the task says: its stop strings, its number of tokens, or EOS.
std::vector<std::string> generate_texts(const Model& model, const std::vector<Sequence>& prompts,
                                        const Tokenizer& tokenizer, const TaskDefinition& task,
                                        int64_t batch_tokens,
                                        const std::function<void(int64_t, int64_t)>& progress = {});

}  // namespace bench
