#pragma once
#include "measure/passes.h"

namespace bench {

/// Whole blocks or sublayers taken out one after the other, each time the one without which the
/// calibration loss is smallest, given those that are gone. Ranks are the same for every group, by
/// its name: rank 0 goes first.
struct GreedyRemoval : Statistic {
  static constexpr const char* kName = "greedy_removal";
  static const Pass& pass();
  /// per_token: the loss is a sum over tokens, each sequence's mean times its length (SLEB), of
  /// equals the one in the earlier block goes; otherwise sequences count alike and of equals
  /// attention goes before MLPs (BlockPruner). once: the mean loss of all predicted tokens without
  /// one of them each, no search (Shortened LLaMA).
  GreedyRemoval(const Layer&, int per_token_, int once_)
      : per_token(per_token_ != 0), once(once_ != 0) {}
  Values values() const override;
  Notes notes() const override { return {{"greedy.losses", losses}}; }

  bool per_token, once;
  std::map<std::string, int64_t> ranks;
  std::vector<double> losses;  // of each step; once: in the order of ranks
  /// Of each step, the losses of all that could go then.
  std::vector<std::map<std::string, double>> tried;
};

}  // namespace bench
