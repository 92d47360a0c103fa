#pragma once
#include "tasks/protocol.h"
#include "tasks/prompts.h"
#include "tasks/scoring.h"
#include "tasks/statistics.h"
#include "tokenizers/tokenizer.h"

namespace bench {

/// A whole document, scored token by token.
struct RolledDocument {
  double log_likelihood = 0;
  int64_t tokens = 0, words = 0,
          bytes = 0;  // words and bytes of the original, not of what is scored
};

/// Log-likelihood of each document (Question of a rolling task: what is scored as continuation, the
/// original as reference) by the rolling windows of evaluation.md 6.
std::vector<RolledDocument> score_rolling(
    const Model& model, const std::vector<Question>& documents, const Tokenizer& tokenizer,
    const Protocol& protocol, int64_t max_length, int64_t batch_tokens,
    const std::function<void(int64_t, int64_t)>& progress = {});

std::vector<Weighted> by_words(const std::vector<RolledDocument>& documents);
std::vector<Weighted> by_bytes(const std::vector<RolledDocument>& documents);

}  // namespace bench
