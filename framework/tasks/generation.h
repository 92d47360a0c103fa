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
  std::vector<int64_t> ends;       // ids that end an answer, beside the tokenizer's EOS
  bool stop_at_eos = true;         // whether ids end an answer at all
};
struct GeneratedText {
  Sequence ids;      // as they were made, with the one that ended it
  std::string text;  // without special tokens and stop texts
  std::string stop;  // what ended it: "eos", "until", "length"
};
/// Greedy answers to the prompts.
std::vector<GeneratedText> generate_answers(
    const Model& model, const std::vector<Sequence>& prompts, const Tokenizer& tokenizer,
    const GenerationRule& rule, int64_t batch_tokens,
    const std::function<void(int64_t, int64_t)>& progress = {});

/// Their texts alone.
std::vector<std::string> generate_texts(const Model& model, const std::vector<Sequence>& prompts,
                                        const Tokenizer& tokenizer, const GenerationRule& rule,
                                        int64_t batch_tokens,
                                        const std::function<void(int64_t, int64_t)>& progress = {});

}  // namespace bench
