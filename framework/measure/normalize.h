#pragma once
#include <string>
#include <vector>

#include "config/schema.h"
#include "tensor/tensor.h"

namespace bench {

/// How the scores of one group (or layer) are put on a common scale before they compete with those
/// of others (Torch-Pruning, torch_pruning/pruner/importance.py:105-135).
const std::vector<std::string>& normalizers();
/// The key `sentinel` that stands beside a key with one of them.
Key sentinel_key();

/// scores: any shape; float64 comes back in that shape. none: as they are; sum, mean, max, l2:
/// divided by it; gaussian: minus the mean, over the unbiased deviation + 1e-8; standardization: to
/// 0..1 (their `standarization`); lamp: lamp_scores(); sentinel: over the score of rank int(share
/// n) from the lowest, + 1e-8: a share of 0.5 is the median. An unknown name is an Error, so is a
/// rank that is not there.
Tensor normalized(const Tensor& scores, const std::string& how, double sentinel = 0.5);

/// LAMP (Lee et al. 2021, arXiv 2010.07611, eq. 4; layer-adaptive-sparsity tools/pruners.py:171):
/// each entry over the sum of all entries that are not smaller; equal entries stand in order.
Tensor lamp_scores(const Tensor& squares);

}  // namespace bench
