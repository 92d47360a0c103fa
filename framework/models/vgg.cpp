// VGG (Simonyan and Zisserman 2015), with batch norms or without, in two dialects: torchvision
// (features.N, classifier or classifier.N) and mmcls (backbone.features.N.conv and .bn, head.fc). A
// max pool stands where the numbering leaves room for one, and behind the last convolution.
#include "models/stack.h"

namespace bench {
namespace {

struct Found {
  int64_t index;
  std::string conv, norm;  // norm empty: none
};

std::vector<Found> convolutions(const Checkpoint& c) {
  const bool mmcls = c.take_if("backbone.features.0.conv.weight").defined();
  const std::string at = mmcls ? "backbone.features." : "features.";
  std::vector<Found> all;
  for (int64_t i = 0; i < 100; ++i) {
    const auto name = fmt::format("{}{}", at, i);
    const auto conv = mmcls ? name + ".conv" : name;
    const auto norm = mmcls ? name + ".bn" : fmt::format("{}{}", at, i + 1);
    const auto w = c.take_if(conv + ".weight");
    if (!w.defined() || w.dim() != 4) continue;
    if (w.size(2) != 3 || w.size(3) != 3)
      fail("{}: {}.weight is a {}x{} convolution; those of VGG are 3x3 (an AlexNet is none)",
           c.folder.string(), conv, w.size(2), w.size(3));
    all.push_back({i, conv, c.take_if(norm + ".running_mean").defined() ? norm : ""});
  }
  if (all.empty()) fail("{}: holds no features.0.weight", c.folder.string());
  return all;
}

std::unique_ptr<Model> make(const Checkpoint& c) {
  auto net = std::make_unique<Stack>();
  const auto found = convolutions(c);
  int64_t step = 100;
  for (size_t i = 0; i + 1 < found.size(); ++i)
    step = std::min(step, found[i + 1].index - found[i].index);
  for (size_t i = 0; i < found.size(); ++i) {
    Step s;
    s.conv = take_conv(c, found[i].conv);
    if (!found[i].norm.empty()) s.norm = take_norm(c, found[i].norm);
    const bool last = i + 1 == found.size();
    if (last || found[i + 1].index - found[i].index > step) s.pool = 2;
    net->blocks.push_back({{std::move(s)}});
  }
  for (const char* name : {"head.fc", "classifier", "fc", "linear"})
    if (c.take_if(std::string(name) + ".weight").defined())
      net->linears.push_back(take_layer(c, name));
  for (int64_t i = 0; i < 20 && net->linears.empty(); ++i) {
    const auto first = fmt::format("classifier.{}", i);
    if (!c.take_if(first + ".weight").defined()) continue;
    for (int64_t k = i; k < 20; ++k)
      if (const auto n = fmt::format("classifier.{}", k); c.take_if(n + ".weight").defined())
        net->linears.push_back(take_layer(c, n));
  }
  if (net->linears.empty()) fail("{}: holds no classifier", c.folder.string());
  const auto pixels =
      net->linears.front().weight.size(1) / net->blocks.back().steps.back().conv.rows();
  net->grid = static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(pixels))));
  const bool cifar = net->linears.front().name == "head.fc";
  net->scale = cifar ? take_scale(c, {125.307 / 255, 122.961 / 255, 113.8575 / 255},
                                  {51.5865 / 255, 50.847 / 255, 51.255 / 255})
                     : imagenet_scale(c);
  return net;
}

[[maybe_unused]] const bool registered = enroll_model("vgg", {make, {"channel"}, true});

}  // namespace
}  // namespace bench
