#pragma once
#include "models/parts.h"

namespace bench {

// Parts that convolutional networks share.

struct BatchNorm {
  Tensor weight, bias, mean, var;
  std::string name;  // "bn1"; tensors are NAME.weight and so on
  /// Training mode, and whether running statistics move, as the batch says (core/batch.h).
  Tensor operator()(const Tensor& x, const Batch& batch) const;
  void name_tensors(std::vector<Model::Named>& all);
  /// Its vectors run along the units of the group.
  void follow(Group& group);
};
BatchNorm take_norm(const Checkpoint& c, const std::string& name);

/// A convolution with "same" padding for its kernel; an Error if the tensor is none.
Layer take_conv(const Checkpoint& c, const std::string& name, int64_t stride = 1);
void name_layer(std::vector<Model::Named>& all, Layer& layer);

/// A depthwise convolution: no prunable layer, but a filter per channel that comes and goes with
/// the channel (a follower).
struct Depthwise {
  Tensor weight;  // [channels, 1, kh, kw]
  std::string name;
  int64_t stride = 1;
  Tensor operator()(const Tensor& x) const;
};
Depthwise take_depthwise(const Checkpoint& c, const std::string& name, int64_t stride);

/// What images become before the first layer: (images / 255 - mean) / std. From the keys image_mean
/// and image_std of config.json, else the given values.
struct ImageScale {
  Tensor mean, std;  // [1, channels, 1, 1]
  Tensor operator()(const Tensor& images) const { return (images / 255.0 - mean) / std; }
  void name_tensors(std::vector<Model::Named>& all);
};
ImageScale take_scale(const Checkpoint& c, const std::vector<double>& mean,
                      const std::vector<double>& std);
ImageScale imagenet_scale(const Checkpoint& c);

}  // namespace bench
