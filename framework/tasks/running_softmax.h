#pragma once
#include "tensor/tensor.h"

namespace bench {

/// Log-probabilities of one token per row while logits arrive a few classes at a time: all logits
/// of a long window would be larger than many a model (online softmax, arXiv 1805.02867, alg. 3).
class RunningSoftmax {
 public:
  explicit RunningSoftmax(const Tensor& ids);  // the tokens, [n, 1]
  /// Logits [n, columns] of the classes from `begin` on, in ascending order.
  void add(const Tensor& logits, int64_t begin);
  /// [n, 2]: log-probability of the token, and 1 where it is the first of the largest logits.
  Tensor answers() const;

 private:
  Tensor ids_, most_, sums_, picked_, greedy_;  // sums_: [n, kSumLanes]
};

}  // namespace bench
