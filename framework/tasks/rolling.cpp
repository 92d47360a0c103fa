// Rolling log-likelihood: every token of a document is predicted once, and the sum is divided by
// the words and bytes of the original (evaluation.md 6).
#include "tasks/rolling.h"

#include "tasks/requests.h"
#include "jinja/python_string.h"

namespace bench {

std::vector<RolledDocument> score_rolling(const Model& model,
                                          const std::vector<Question>& documents,
                                          const Tokenizer& tokenizer, const Protocol& protocol,
                                          int64_t max_length, int64_t batch_tokens,
                                          const std::function<void(int64_t, int64_t)>& progress) {
  std::vector<RolledDocument> out;
  std::vector<Item> windows;
  std::vector<size_t> owner;
  for (const auto& d : documents) {
    const auto ids = encode_rolled(d.continuations.front(), tokenizer, protocol);
    const auto& original = d.references.front();
    for (auto& w : rolling_windows(ids, prefix_token(tokenizer, protocol), max_length)) {
      windows.push_back({{std::move(w)}});
      owner.push_back(out.size());
    }
    out.push_back({0, static_cast<int64_t>(ids.size()),
                   static_cast<int64_t>(text::count_split_pieces(original)),
                   static_cast<int64_t>(original.size())});
  }
  const auto scored = likelihoods(model, windows, batch_tokens, progress);
  for (size_t w = 0; w < scored.size(); ++w) out[owner[w]].log_likelihood += scored[w].front().sum;
  return out;
}

std::vector<Weighted> by_words(const std::vector<RolledDocument>& documents) {
  std::vector<Weighted> all;
  for (const auto& d : documents) all.push_back({d.log_likelihood, static_cast<double>(d.words)});
  return all;
}

std::vector<Weighted> by_bytes(const std::vector<RolledDocument>& documents) {
  std::vector<Weighted> all;
  for (const auto& d : documents) all.push_back({d.log_likelihood, static_cast<double>(d.bytes)});
  return all;
}

}  // namespace bench
