#pragma once
#include "core/model.h"

namespace bench {

/// Mean negative log-likelihood of the next token over one sequence. hidden: [tokens, hidden],
/// what the last block gave; log-softmax and sums in float64, a few rows of logits at a time.
double sequence_loss(const Model& model, const Tensor& hidden, const Batch& one);

}  // namespace bench
