#include "models/vision.h"

#include "tokenizers/json_file.h"

namespace bench {

Tensor BatchNorm::operator()(const Tensor& x, const Batch& batch) const {
  const auto differs = [&](const Tensor& t) { return t.scalar_type() != x.scalar_type(); };
  if (differs(weight) || differs(mean)) {  // float32 through a network in half precision
    const BatchNorm wide{as_type_of(weight, x),
                         as_type_of(bias, x),
                         as_type_of(mean, x),
                         as_type_of(var, x),
                         name,
                         eps};
    return wide(x, batch);
  }
  if (!batch.batch_statistics)
    return at::batch_norm(x, weight, bias, mean, var, false, 0, eps, false);
  if (batch.norm_momentum > 0)
    return at::batch_norm(x, weight, bias, mean, var, true, batch.norm_momentum, eps, false);
  return at::batch_norm(x, weight, bias, {}, {}, true, 0, eps, false);
}

void BatchNorm::name_tensors(std::vector<Model::Named>& all) {
  all.push_back({name + ".weight", &weight});
  all.push_back({name + ".bias", &bias});
  all.push_back({name + ".running_mean", &mean, false});
  all.push_back({name + ".running_var", &var, false});
}

void BatchNorm::follow(Group& g, int64_t width) {
  g.followers.push_back({&weight, Follower::Affine, width, 0, name + ".weight"});
  g.followers.push_back({&bias, Follower::Affine, width});
  g.followers.push_back({&mean, Follower::Plain, width});
  g.followers.push_back({&var, Follower::Plain, width});
}

BatchNorm take_norm(const Checkpoint& c, const std::string& name, double eps) {
  BatchNorm n{c.take(name + ".weight"),
              c.take(name + ".bias"),
              c.take(name + ".running_mean"),
              c.take(name + ".running_var"),
              name,
              eps};
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

Tensor Depthwise::operator()(const Tensor& x) const {
  const auto convolve = [&](const Tensor& t) {
    return at::conv2d(t, as_type_of(weight, t), as_type_of(bias, t), stride,
                      weight.size(2) / 2 * dilation, dilation, weight.size(0) / group());
  };
  const bool grad = at::GradMode::is_enabled() && (weight.requires_grad() || x.requires_grad());
  return grad ? convolve(x) : imagewise(x, convolve);
}

void Depthwise::name_tensors(std::vector<Model::Named>& all) {
  all.push_back({name + ".weight", &weight});
  if (bias.defined()) all.push_back({name + ".bias", &bias});
}

void Depthwise::follow(Group& g, int64_t width) {
  g.followers.push_back({&weight, Follower::Plain, width});
  if (bias.defined()) g.followers.push_back({&bias, Follower::Plain, width});
}

Depthwise take_grouped(const Checkpoint& c, const std::string& name, int64_t stride) {
  Depthwise d{c.take(name + ".weight"), c.take_if(name + ".bias"), name, stride};
  if (d.weight.dim() != 4 || d.weight.size(0) % std::max<int64_t>(d.weight.size(1), 1) != 0)
    fail("{}: {} is no convolution in groups", c.folder.string(), name);
  return d;
}

Depthwise take_depthwise(const Checkpoint& c, const std::string& name, int64_t stride) {
  auto d = take_grouped(c, name, stride);
  if (d.group() != 1) fail("{}: {} is no depthwise convolution", c.folder.string(), name);
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
  return stated_scale(c, {0.485, 0.456, 0.406}, {0.229, 0.224, 0.225});
}

namespace {

/// Numbers under a key of an object, where they are there.
std::vector<double> numbers(const nlohmann::json& from, const char* key) {
  std::vector<double> all;
  if (!from.is_object() || !from.contains(key) || !from.at(key).is_array()) return all;
  for (const auto& x : from.at(key))
    if (x.is_number()) all.push_back(x.get<double>());
  return all;
}

}  // namespace

ImageScale stated_scale(const Checkpoint& c, const std::vector<double>& mean,
                        const std::vector<double>& std) {
  const auto timm =
      c.config.is_object() ? c.config.value("pretrained_cfg", nlohmann::json()) : nlohmann::json();
  auto m = numbers(timm, "mean"), s = numbers(timm, "std");
  const auto file = c.folder / "preprocessor_config.json";
  std::error_code none;
  if (m.empty() && std::filesystem::is_regular_file(file, none)) {
    const auto said = text::parse_json(text::read_bytes(file), file.string());
    if (!said.is_object() || said.value("do_normalize", true))
      m = numbers(said, "image_mean"), s = numbers(said, "image_std");
  }
  return m.empty() || m.size() != s.size() ? take_scale(c, mean, std) : take_scale(c, m, s);
}

Checkpoint constructor_arguments(const Checkpoint& c) {
  auto inner = c;
  inner.config = nlohmann::json::object();
  if (!c.config.is_object()) return inner;
  for (const char* key : {"args", "model_args"})
    if (const auto args = c.config.value(key, nlohmann::json()); args.is_object())
      inner.config = args;
  for (const char* key : {"prunebench", "strides", "global_pool", "num_heads"})
    if (c.config.contains(key) && !inner.config.contains(key)) inner.config[key] = c.config[key];
  return inner;
}

int64_t count_entries(const Checkpoint& c, const std::string& name, const std::string& behind,
                      int64_t first) {
  int64_t n = first;
  while (c.tensors.contains(fmt::format("{}{}{}", name, n, behind))) ++n;
  return n - first;
}

}  // namespace bench
