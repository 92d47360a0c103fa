#pragma once
#include "core/statistic.h"

namespace bench {

/// What a block, or one of its sublayers, does to the residual stream: angles between what comes in
/// and what goes out, over all calibration tokens of the dense model. Of every group of kind
/// "block", "attention" or "mlp", by its name; the root layers of all groups hold the same.
struct BlockInfluence : Statistic {
  static constexpr const char* kName = "block_influence";
  static const Pass& pass();
  explicit BlockInfluence(const Layer&) {}
  Values values() const override;

  struct Of {
    double one_minus_cosine = 0;  // summed over tokens
    /// arccos(cosine) / pi of last tokens, summed over sequences: across one block or sublayer,
    /// across this block and the next, ...
    std::vector<double> angles;
    int64_t block = 0, tokens = 0, sequences = 0;
  };
  std::map<std::string, Of> of;
};

/// The same, measured at once, of the groups of a probe.
std::map<std::string, BlockInfluence::Of> measure_influence(const Probe& probe);

}  // namespace bench
