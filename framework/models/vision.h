#pragma once
#include "models/parts.h"

namespace bench {

// Parts that convolutional networks share.

struct BatchNorm {
  Tensor weight, bias, mean, var;
  std::string name;  // "bn1"; tensors are NAME.weight and so on
  double eps = 1e-5;
  /// Training mode, and whether running statistics move, as the batch says (core/batch.h).
  Tensor operator()(const Tensor& x, const Batch& batch) const;
  void name_tensors(std::vector<Model::Named>& all);
  /// Its vectors run along the units of the group, so many channels each.
  void follow(Group& group, int64_t width = 1);
};
BatchNorm take_norm(const Checkpoint& c, const std::string& name, double eps = 1e-5);

/// A convolution with "same" padding for its kernel; an Error if the tensor is none.
Layer take_conv(const Checkpoint& c, const std::string& name, int64_t stride = 1);

/// A depthwise convolution, or one in groups of channels: no prunable layer, but filters that come
/// and go with their channels (a follower).
struct Depthwise {
  Tensor weight;  // [channels, channels of a group, kh, kw]
  Tensor bias;    // [channels]; undefined: none
  std::string name;
  int64_t stride = 1, dilation = 1;
  int64_t group() const { return weight.size(1); }
  Tensor operator()(const Tensor& x) const;
  void name_tensors(std::vector<Model::Named>& all);
  /// Filters of so many channels run along the units of the group.
  void follow(Group& group, int64_t width = 1);
};
Depthwise take_depthwise(const Checkpoint& c, const std::string& name, int64_t stride);
/// The same of a convolution whose groups hold several channels, none across two groups.
Depthwise take_grouped(const Checkpoint& c, const std::string& name, int64_t stride);

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
/// As take_scale(); where config.json has none, what timm's pretrained_cfg or a
/// preprocessor_config.json beside it says.
ImageScale stated_scale(const Checkpoint& c, const std::vector<double>& mean,
                        const std::vector<double>& std);

/// A network that timm or torchvision saved: what its constructor was given is a part of
/// config.json, or nowhere. `config` of the copy are these arguments, with our own keys.
Checkpoint constructor_arguments(const Checkpoint& c);
/// So many entries NAME0BEHIND, NAME1BEHIND, ... the checkpoint holds, from `first` on.
int64_t count_entries(const Checkpoint& c, const std::string& name, const std::string& behind,
                      int64_t first = 0);

}  // namespace bench
