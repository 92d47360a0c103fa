#pragma once
#include "core/task.h"

namespace bench {

/// A text, or two, as a model with a head for classes reads it.
struct LabelledSequence {
  Sequence ids, types;
  int64_t label = 0;
};

/// No longer than `most`: the tokens before the last one go. 0: nothing is cut.
void cut(LabelledSequence& s, int64_t most);
/// In order, as many in a batch as fit into so many tokens; labels on the CPU.
std::vector<Batch> labelled_batches(const std::vector<LabelledSequence>& all, int64_t tokens);
/// SHA-256 over ids, types and labels.
std::string hash_of(const std::vector<LabelledSequence>& all);

}  // namespace bench
