// LeNet (LeCun et al. 1998): two unpadded 5x5 convolutions, each behind it a ReLU and a max pool
// of 2, then linear layers fc1, fc2 (and fc3). Widths are the checkpoint's: LeNet-5 (6, 16, 120,
// 84) and the Caffe one (20, 50, 500) alike. image_mean and image_std default to 0 and 1.
#include "models/stack.h"

namespace bench {
namespace {

std::unique_ptr<Model> make(const Checkpoint& c) {
  auto net = std::make_unique<Stack>();
  for (const char* name : {"conv1", "conv2"}) {
    Step s;
    s.conv = take_conv(c, name);
    s.conv.padding = 0;
    s.pool = 2;
    net->blocks.push_back({{std::move(s)}});
  }
  for (const char* name : {"fc1", "fc2", "fc3"})
    if (c.take_if(std::string(name) + ".weight").defined())
      net->linears.push_back(take_layer(c, name));
  if (net->linears.size() < 2) fail("{}: holds no fc1 and fc2", c.folder.string());
  net->grid = 0;
  const auto channels = static_cast<size_t>(net->blocks.front().steps.front().conv.weight.size(1));
  net->scale = take_scale(c, std::vector<double>(channels, 0), std::vector<double>(channels, 1));
  return net;
}

[[maybe_unused]] const bool registered = enroll_model("lenet", {make, {"channel"}, true});

}  // namespace
}  // namespace bench
