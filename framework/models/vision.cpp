#include "models/vision.h"

namespace bench {

Tensor BatchNorm::operator()(const Tensor& x, const Batch& batch) const {
  if (!batch.batch_statistics)
    return at::batch_norm(x, weight, bias, mean, var, false, 0, 1e-5, false);
  if (batch.norm_momentum > 0)
    return at::batch_norm(x, weight, bias, mean, var, true, batch.norm_momentum, 1e-5, false);
  return at::batch_norm(x, weight, bias, {}, {}, true, 0, 1e-5, false);
}

void BatchNorm::name_tensors(std::vector<Model::Named>& all) {
  all.push_back({name + ".weight", &weight});
  all.push_back({name + ".bias", &bias});
  all.push_back({name + ".running_mean", &mean, false});
  all.push_back({name + ".running_var", &var, false});
}

void BatchNorm::follow(Group& g) {
  g.followers.push_back({&weight, Follower::Affine, 1, 0, name + ".weight"});
  g.followers.push_back({&bias, Follower::Affine});
  g.followers.push_back({&mean, Follower::Plain});
  g.followers.push_back({&var, Follower::Plain});
}

BatchNorm take_norm(const Checkpoint& c, const std::string& name) {
  BatchNorm n{c.take(name + ".weight"), c.take(name + ".bias"), c.take(name + ".running_mean"),
              c.take(name + ".running_var"), name};
  for (const Tensor* t : {&n.bias, &n.mean, &n.var})
    if (n.weight.dim() != 1 || t->sizes() != n.weight.sizes())
      fail("{}: the tensors of {} are not of one length", c.folder.string(), name);
  return n;
}

Layer take_conv(const Checkpoint& c, const std::string& name, int64_t stride) {
  auto l = take_layer(c, name);
  if (l.weight.dim() != 4) fail("{}: {} is no convolution", c.folder.string(), name);
  l.stride = stride;
  l.padding = l.weight.size(2) / 2;
  return l;
}

void name_layer(std::vector<Model::Named>& all, Layer& l) {
  all.push_back({l.weight_name(), &l.weight});
  all.push_back({l.name + ".bias", &l.bias});
}

Tensor Depthwise::operator()(const Tensor& x) const {
  const auto convolve = [&](const Tensor& t) {
    return at::conv2d(t, weight, {}, stride, weight.size(2) / 2, 1, weight.size(0));
  };
  const bool grad = at::GradMode::is_enabled() && (weight.requires_grad() || x.requires_grad());
  return grad ? convolve(x) : imagewise(x, convolve);
}

Depthwise take_depthwise(const Checkpoint& c, const std::string& name, int64_t stride) {
  Depthwise d{c.take(name + ".weight"), name, stride};
  if (d.weight.dim() != 4 || d.weight.size(1) != 1)
    fail("{}: {} is no depthwise convolution", c.folder.string(), name);
  return d;
}

void ImageScale::name_tensors(std::vector<Model::Named>& all) {
  all.push_back({"image_mean", &mean, false});
  all.push_back({"image_std", &std, false});
}

ImageScale take_scale(const Checkpoint& c, const std::vector<double>& mean,
                      const std::vector<double>& std) {
  return {at::tensor(setting(c, "image_mean", mean), at::kFloat).reshape({1, -1, 1, 1}),
          at::tensor(setting(c, "image_std", std), at::kFloat).reshape({1, -1, 1, 1})};
}

ImageScale imagenet_scale(const Checkpoint& c) {
  return take_scale(c, {0.485, 0.456, 0.406}, {0.229, 0.224, 0.225});
}

}  // namespace bench
