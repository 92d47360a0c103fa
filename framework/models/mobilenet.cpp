// MobileNet V1 (Howard et al. 2017) and V2 (Sandler et al. 2018). Dialects: pytorch-cifar
// (conv1, bn1, layers.N.conv1.., linear) and, of V2, torchvision (features.N.conv.., classifier.1).
// Depthwise filters follow their channels. Strides are in no tensor: config.json's `strides`, one
// number for the stem and one a block, or else those of the paper (V1, V2 of torchvision) and of
// pytorch-cifar (V2 on 32x32 images).
#include "models/stack.h"

namespace bench {
namespace {

std::vector<int64_t> strides_of(const Checkpoint& c, std::vector<int64_t> usual, size_t blocks) {
  auto all = setting(c, "strides", std::move(usual));
  if (all.size() != blocks + 1)
    fail("{}: has {} blocks; config.json needs `strides` with {} numbers, the stem's first",
         c.folder.string(), blocks, blocks + 1);
  return all;
}

Step convolution(const Checkpoint& c, const std::string& conv, const std::string& norm, Act act,
                 int64_t stride = 1) {
  Step s;
  s.conv = take_conv(c, conv, stride);
  s.norm = take_norm(c, norm);
  s.act = act;
  return s;
}

Step depthwise(const Checkpoint& c, const std::string& conv, const std::string& norm, Act act,
               int64_t stride) {
  Step s;
  s.depth = take_depthwise(c, conv, stride);
  s.norm = take_norm(c, norm);
  s.act = act;
  return s;
}

size_t count(const Checkpoint& c, const std::string& before, const std::string& behind,
             size_t first) {
  size_t n = first;
  while (c.take_if(fmt::format("{}{}{}", before, n, behind)).defined()) ++n;
  return n - first;
}

std::unique_ptr<Model> make_v1(const Checkpoint& c) {
  auto net = std::make_unique<Stack>();
  const auto n = count(c, "layers.", ".conv1.weight", 0);
  const auto strides = strides_of(c, {1, 1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1}, n);
  net->blocks.push_back({{convolution(c, "conv1", "bn1", Act::Relu, strides[0])}});
  for (size_t i = 0; i < n; ++i) {
    const auto at = fmt::format("layers.{}.", i);
    net->blocks.push_back({{depthwise(c, at + "conv1", at + "bn1", Act::Relu, strides[i + 1]),
                            convolution(c, at + "conv2", at + "bn2", Act::Relu)}});
  }
  net->linears.push_back(take_layer(c, "linear"));
  net->scale = imagenet_scale(c);
  return net;
}

/// Same width in and out at stride 1: the input is added.
bool adds(const StackBlock& b, int64_t stride) {
  const Layer* first = nullptr;
  for (const auto& s : b.steps)
    if (!first && s.conv.weight.defined()) first = &s.conv;
  return stride == 1 && first->weight.size(1) == b.steps.back().conv.rows();
}

std::unique_ptr<Model> make_v2(const Checkpoint& c) {
  auto net = std::make_unique<Stack>();
  const bool torchvision = c.take_if("features.0.0.weight").defined();
  const auto act = torchvision ? Act::Relu6 : Act::Relu;
  const auto n = torchvision ? count(c, "features.", ".conv.0.0.weight", 1)
                             : count(c, "layers.", ".conv1.weight", 0);
  const auto strides =
      torchvision ? strides_of(c, {2, 1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1}, n)
                  : strides_of(c, {1, 1, 1, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1}, n);
  net->blocks.push_back(
      {{torchvision ? convolution(c, "features.0.0", "features.0.1", act, strides[0])
                    : convolution(c, "conv1", "bn1", act, strides[0])}});
  for (size_t i = 0; i < n; ++i) {
    StackBlock b;
    const auto at =
        torchvision ? fmt::format("features.{}.conv.", i + 1) : fmt::format("layers.{}.", i);
    if (torchvision) {
      const bool expands = c.take_if(at + "1.0.weight").defined();
      const std::string k = expands ? "1." : "0.";
      if (expands) b.steps.push_back(convolution(c, at + "0.0", at + "0.1", act));
      b.steps.push_back(depthwise(c, at + k + "0", at + k + "1", act, strides[i + 1]));
      const int next = expands ? 2 : 1;
      b.steps.push_back(convolution(c, fmt::format("{}{}", at, next),
                                    fmt::format("{}{}", at, next + 1), Act::Linear));
    } else {
      b.steps = {convolution(c, at + "conv1", at + "bn1", act),
                 depthwise(c, at + "conv2", at + "bn2", act, strides[i + 1]),
                 convolution(c, at + "conv3", at + "bn3", Act::Linear)};
      if (c.take_if(at + "shortcut.0.weight").defined())
        b.detour = {convolution(c, at + "shortcut.0", at + "shortcut.1", Act::Linear)};
    }
    b.residual = !b.detour.empty() || adds(b, strides[i + 1]);
    net->blocks.push_back(std::move(b));
  }
  if (torchvision) {
    const auto last = fmt::format("features.{}.", n + 1);
    net->blocks.push_back({{convolution(c, last + "0", last + "1", act)}});
  } else {
    net->blocks.push_back({{convolution(c, "conv2", "bn2", act)}});
  }
  net->linears.push_back(take_layer(c, torchvision ? "classifier.1" : "linear"));
  net->scale = imagenet_scale(c);
  return net;
}

[[maybe_unused]] const bool v1 = enroll_model("mobilenet_v1", {make_v1, {"channel"}, true});
[[maybe_unused]] const bool v2 = enroll_model("mobilenet_v2", {make_v2, {"channel"}, true});

}  // namespace
}  // namespace bench
