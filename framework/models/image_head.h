#pragma once
#include "models/vision.h"

namespace bench {

/// A convolution and what follows it; norm.weight undefined: there is none.
struct Unit {
  Layer conv;
  BatchNorm norm;
  Depthwise grouped = {};  // in place of conv: in groups of channels, no prunable layer
  int64_t outputs() const {
    return grouped.weight.defined() ? grouped.weight.size(0) : conv.rows();
  }
  Tensor operator()(const Tensor& x, const Batch& batch) const {
    const auto y = grouped.weight.defined() ? grouped(x) : conv(x);
    return norm.weight.defined() ? norm(y, batch) : y;
  }
};

/// What stands behind the last convolution of a backbone: the mean over all pixels and a linear
/// layer, or a detector's convolutions (core/detection.h), the last two of which read one map and
/// give classes and boxes side by side.
struct ImageHead {
  bool pools = true;
  std::vector<Unit> tower;  // with a ReLU behind each
  std::vector<Layer> outs;  // read the same; their results stand side by side along dim 1

  Tensor operator()(const Tensor& x, const Batch& batch) const;
  std::vector<Layer*> layers();
  /// What reads the backbone's channels.
  std::vector<Layer*> readers();
  std::vector<Group> groups(int64_t block);
  void name_tensors(std::vector<Model::Named>& all);
};

/// A linear layer of that name; where the checkpoint has detect.cls and detect.box, those, with
/// detect.conv1, detect.bn1 (or none) and so on before them.
ImageHead take_head(const Checkpoint& c, const std::string& linear);

}  // namespace bench
