#pragma once
#include <string>
#include <vector>

namespace bench {

/// What a version of lm-eval does with documents, texts and answers. The defaults are the newest's.
struct DocumentRules {
  /// A document that is drawn among its own examples. Redrawn: taken out where the examples are of
  /// the scored split by its name, and another one is drawn. Dropped: taken out, with no new draw.
  enum class Own { Dropped, Redrawn };
  Own own = Own::Redrawn;
  enum class Sides { Left, Both };
  Sides stripped = Sides::Both;  // by the filter remove_whitespace
  bool bos_once = true;          // a text that begins with the text of BOS gets no second one
  bool prefix_once =
      true;  // a continuation that begins with the prefix token is not preceded by it
};

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
  /// Whether a rolled document gets the tokenizer's BOS behind the prefix token, and scores it.
  bool rolled_special = false;
  std::string source;
  DocumentRules documents;
};

/// An id may have one record of each kind. Unknown, or of the other kind: an Error with the near
/// ones.
const Protocol& protocol(const std::string& id, const std::string& kind);
/// The protocols of a task's key, at `path`; the same twice is an Error.
std::vector<Protocol> protocols_at(const std::string& path, const std::vector<std::string>& ids,
                                   const std::string& kind);
const std::vector<Protocol>& protocols();

}  // namespace bench
