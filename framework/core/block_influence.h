#pragma once
#include "core/statistic.h"

namespace bench {

/// What a block, or one of its sublayers, does to the residual stream: angles between what comes in
/// and what goes out, over all calibration tokens of the dense model. Kept by the root layer of
/// each group of kind "block", "attention" or "mlp", under the group's name.
struct BlockInfluence : Statistic {
  static constexpr const char* kName = "block_influence";
  static const Pass& pass();
  explicit BlockInfluence(const Layer&) {}
  Values values() const override;

  struct Of {
    double one_minus_cosine = 0;  // summed over tokens
    double angle = 0;             // arccos(cosine) / pi of last tokens, summed over sequences
    int64_t tokens = 0, sequences = 0;
  };
  std::map<std::string, Of> of;
};

}  // namespace bench
