#pragma once
#include <nlohmann/json.hpp>

#include "formats/safetensors.h"

namespace bench {

/// A tensor of a network that nobody has trained yet: matrices and filters normal with variance
/// 2 / inputs (He et al. 2015, arXiv 1502.01852), scales and variances of norms 1, all else 0. From
/// the addressable stream (seed, name): the same wherever it is made.
Tensor drawn_tensor(const std::string& name, at::IntArrayRef shape, uint64_t seed);

/// The tensors of a folder that holds a config.json and no weights. Its key "drawn" is
/// {"seed": 0, "shapes": {"conv1.weight": [16, 3, 3, 3], ...}, "norms": {"bn1": 16, ...}}, a norm
/// being NAME.weight, .bias, .running_mean and .running_var. Anything else is an Error. described:
/// of at::kMeta, shapes alone, and nothing is drawn.
TensorMap drawn_tensors(const nlohmann::json& drawn, const std::string& where,
                        bool described = false);

}  // namespace bench
