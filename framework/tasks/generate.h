#pragma once
#include <functional>

#include "core/model.h"

namespace bench {

/// Sequences that grow by their greedy next token. What is behind is kept, so that a step computes
/// one token each; a sequence does not depend on the others. One thread of calls.
class Continuations {
 public:
  Continuations(const Model& model, std::vector<Sequence> prompts);
  /// The next token of each sequence, the first maximum of its last row. The first call computes
  /// the prompts.
  std::vector<int64_t> step();
  /// Only these go on, in this order; positions count from the sequences that are going now.
  void keep(const std::vector<int64_t>& which);
  size_t going() const { return behind_.size(); }

 private:
  const Model& model_;
  std::shared_ptr<Past> past_;
  std::vector<Sequence> inputs_;  // of the next step
  std::vector<int64_t> behind_;   // tokens that were computed before
  bool anew_ = false;  // a sequence passed the model's steady length: each step computes all of it
  std::vector<Sequence> whole_;  // all tokens, where the model has such a length
};

/// Greedy continuations of all prompts, each until `stop(prompt's number, tokens so far)` or
/// `count` tokens. The prompts of a batch run together; a continuation does not depend on the
/// others.
std::vector<Sequence> generate(const Model& model, const std::vector<Sequence>& prompts,
                               int64_t count, int64_t batch_tokens,
                               const std::function<bool(size_t, const Sequence&)>& stop,
                               const std::function<void(int64_t, int64_t)>& progress = {});

/// `count` greedy tokens after the prompt, everything computed again for each: what generate() is
/// held against.
Sequence generate_plainly(const Model& model, Sequence prompt, int64_t count);

}  // namespace bench
