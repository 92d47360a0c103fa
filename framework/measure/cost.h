#pragma once
#include <map>

#include "core/group.h"
#include "core/model.h"

namespace bench {

/// What one input costs in the layers of a model, as IFSO and Group Fisher count (ifso.md 1.5):
/// convolutions and linear layers only, no biases, no norms. Masked channels cost nothing: a layer
/// is as wide as the rows and input channels that its mask still keeps.
struct Cost {
  int64_t macs = 0;    // multiply-accumulates
  int64_t params = 0;  // weights
  int64_t acts = 0;    // elements of outputs
};

/// Output positions of each layer for ONE image (height times width; 1 behind the pooling), found
/// by running the first image of the batch; for text, of one token: 1.
std::map<const Layer*, int64_t> output_positions(Model& model, const Batch& batch);

/// Rows and input channels that a layer's mask keeps: all of them where it has none.
int64_t kept_outputs(const Layer& layer);
int64_t kept_inputs(const Layer& layer);

Cost cost_of(Model& model, const std::map<const Layer*, int64_t>& positions);
/// The same of a model without masks, of which gone[i] units of groups[i] are gone.
Cost cost_without(Model& model, const std::map<const Layer*, int64_t>& positions,
                  const std::vector<Group>& groups, const std::vector<int64_t>& gone);
/// By name: macs, acts or params.
double cost_in(const Cost& cost, const std::string& budget);

}  // namespace bench
