#pragma once
#include "core/protocol.h"
#include "tasks/scoring.h"
#include "tasks/statistics.h"
#include "text/tokenizer.h"

namespace bench {

/// A whole document, scored token by token.
struct RolledDocument {
  double log_likelihood = 0;
  int64_t tokens = 0, words = 0,
          bytes = 0;  // words and bytes of the original, not of what is scored
};

/// Log-likelihood of each text by the rolling windows of evaluation.md 6.
std::vector<double> rolling_likelihoods(const Model& model, const std::vector<Sequence>& texts,
                                        int64_t prefix, int64_t max_length, int64_t batch_tokens,
                                        const std::function<void(int64_t, int64_t)>& progress = {});

/// The pages of a WikiText file, detokenised, encoded by the protocol and scored; the first `limit`
/// of them, 0 for all.
std::vector<RolledDocument> score_wikitext(
    const Model& model, const std::string& file, int64_t limit, const Tokenizer& tokenizer,
    const Protocol& protocol, int64_t max_length, int64_t batch_tokens,
    const std::function<void(int64_t, int64_t)>& progress = {});

std::vector<Weighted> by_words(const std::vector<RolledDocument>& documents);
std::vector<Weighted> by_bytes(const std::vector<RolledDocument>& documents);

}  // namespace bench
