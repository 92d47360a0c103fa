#pragma once
#include <functional>

#include "core/statistic.h"

namespace bench {

/// EvoPress (Sieberling et al. 2024, arXiv 2410.14649; IST-DASLab/EvoPress@50888a0
/// evo_prune_search.py:36-84, 262-320): integer levels of layers whose sum stays, moved one step up
/// here and one down there, chosen in stages on ever more tokens. Random choices are Python's.
struct LevelSearch {
  int64_t generations = 20, offspring = 16;
  std::vector<int64_t> survivors{4, 2, 1}, tokens{512, 1024, 4096};  // of each stage
  bool kl = true;  // divergence from the model as it is; false: perplexity
  int64_t seed = 0;
  int64_t levels = 3;              // -levels .. levels
  int64_t max_deviation = 99999;   // of the sum of absolute levels
};

/// Levels, a number for each layer.
using Levels = std::vector<int64_t>;

/// One choice among candidates: what was seen.
struct LevelChoice {
  int64_t generation, stage, tokens;
  std::vector<int64_t> sequences;  // drawn, in order
  std::vector<Levels> candidates;
  std::vector<double> fitness;
  std::vector<int64_t> survivors;
};

/// weight(layer, level): the layer's matrix at a level, or undefined where it has none. Layers are
/// counted in the order in which they are given; the model is left as it was. Level 0 is there for
/// all. Throws where no level can be moved.
Levels search_levels(Model& model, const Calibration& data, const std::vector<Layer*>& layers,
                     const LevelSearch& how,
                     const std::function<Tensor(size_t layer, int64_t level)>& weight,
                     const std::function<void(const LevelChoice&)>& seen = {});

}  // namespace bench
