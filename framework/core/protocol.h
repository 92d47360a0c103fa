#pragma once
#include <string>
#include <vector>

namespace bench {

/// A named, versioned way of measuring. Data, not code: every field is part of what a number means,
/// and a changed field is a new id. evaluation.md 1, 4-6.
struct Protocol {
  std::string id;
  std::string kind;       // "perplexity": text windows; "loglikelihood": contexts and continuations
  std::string tokenizer;  // variant of a SentencePiece file: slow4, fast4, hf5
  bool special;           // ids as the tokenizer's defaults make them (its own BOS), or bare
  bool joint = true;      // context and continuation encoded together and cut; false: one by one
  std::string prefix;     // token in front of an empty context: "bos_or_eos" or "eos"
  int64_t window = 0;     // 0: the model's own length
  std::string source;
};

/// An unknown id is an Error with the near ones.
const Protocol& protocol(const std::string& id);
const std::vector<Protocol>& protocols();

}  // namespace bench
