#pragma once
#include "tasks/definition.h"
#include "tasks/scoring.h"
#include "text/tokenizer.h"

namespace bench {

/// Greedy answers to the prompts, until the task's stop strings, its number of tokens, or EOS; the
/// stop strings and what follows them are cut off.
std::vector<std::string> generate_texts(const Model& model, const std::vector<Sequence>& prompts,
                                        const Tokenizer& tokenizer, const TaskDefinition& task,
                                        int64_t batch_tokens,
                                        const std::function<void(int64_t, int64_t)>& progress = {});

}  // namespace bench
