#pragma once
#include <string>
#include <vector>

#include "config/registry.h"
#include "core/batch.h"
#include "tokenizers/tokenizer.h"

namespace bench {

/// A text, or two, as a model with a head for classes reads it.
struct LabelledSequence {
  Sequence ids, types;
  int64_t label = 0;
};

/// Texts, or pairs of texts, with their classes, from a file of documents (data/documents.h).
struct LabelledSource {
  std::string file, text, second, gold;
  std::vector<std::string> classes;
  int64_t limit = 0;

  static Schema keys();
  static LabelledSource from(const Config& c);
  /// All that the sequences depend on, but the tokenizer.
  std::string settings() const;
  /// That the first rows have what is asked for: an Error as read() has it.
  void check() const;
  /// In the file's order. A sequence of more than `most` tokens (0: any number) loses those before
  /// its last one. A document without its text or a known class is an Error with its number.
  std::vector<LabelledSequence> read(const Tokenizer& tokenizer, int64_t most) const;

 private:
  std::string field(const Value& document, const std::string& name, size_t row) const;
  int64_t class_of(const Value& document, size_t row) const;
};

/// In order, as many in a batch as fit into so many tokens; labels on the CPU.
std::vector<Batch> labelled_batches(const std::vector<LabelledSequence>& all, int64_t tokens);
/// One batch of all of them.
Batch labelled_batch(const std::vector<const LabelledSequence*>& all);
/// SHA-256 over ids, types and labels.
std::string hash_of(const std::vector<LabelledSequence>& all);

}  // namespace bench
