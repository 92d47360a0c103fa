// RegNet X and Y (Radosavovic et al. 2020) as torchvision names them (stem, trunk_output.blockS.
// blockS-I.f.{a,b,se,c}, proj, fc). torchvision models/regnet.py. Every block but the shortcuts'
// convolutions is read from the weights' shapes: groups, widths, whether it squeezes; the first
// block of a stage has stride 2, or the one in `strides`.
#include "models/stack.h"

namespace bench {
namespace {

Step convolution(const Checkpoint& c, const std::string& at, Act act, int64_t stride = 1) {
  Step s;
  s.conv = take_conv(c, at + ".0", stride);
  s.norm = take_norm(c, at + ".1");
  s.act = act;
  return s;
}

StackBlock block(const Checkpoint& c, const std::string& at, int64_t stride) {
  StackBlock b;
  b.residual = true;
  b.act = Act::Relu;
  b.steps.push_back(convolution(c, at + "f.a", Act::Relu));
  Step grouped;
  grouped.depth = take_grouped(c, at + "f.b.0", stride);
  grouped.norm = take_norm(c, at + "f.b.1");
  b.steps.push_back(std::move(grouped));
  if (c.take_if(at + "f.se.fc1.weight").defined()) {
    Step s;
    s.squeeze = {take_conv(c, at + "f.se.fc1"), take_conv(c, at + "f.se.fc2")};
    b.steps.push_back(std::move(s));
  }
  b.steps.push_back(convolution(c, at + "f.c", Act::Linear));
  if (c.take_if(at + "proj.0.weight").defined())
    b.detour = {convolution(c, at + "proj", Act::Linear, stride)};
  else if (stride != 1)
    fail("{}: {} halves its map and has no convolution in the shortcut", c.folder.string(), at);
  return b;
}

std::unique_ptr<Model> make(const Checkpoint& c) {
  const auto args = constructor_arguments(c);
  auto net = std::make_unique<Stack>();
  net->blocks.push_back({{convolution(c, "stem", Act::Relu, 2)}});
  int64_t count = 0;
  while (
      c.tensors.contains(fmt::format("trunk_output.block{0}.block{0}-0.f.a.0.weight", count + 1)))
    ++count;
  const auto strides =
      setting(args, "strides", std::vector<int64_t>(static_cast<size_t>(count), 2));
  if (strides.size() != static_cast<size_t>(count))
    fail("{}: has {} stages; `strides` has {} numbers", c.folder.string(), count, strides.size());
  for (int64_t s = 1; s <= count; ++s) {
    const auto stage = fmt::format("trunk_output.block{0}.block{0}-", s);
    const auto depth = count_entries(c, stage, ".f.a.0.weight");
    for (int64_t i = 0; i < depth; ++i)
      net->blocks.push_back(block(c, fmt::format("{}{}.", stage, i),
                                  i == 0 ? strides[static_cast<size_t>(s - 1)] : 1));
  }
  net->linears.push_back(take_layer(c, "fc"));
  net->scale = imagenet_scale(c);
  return net;
}

[[maybe_unused]] const bool registered = enroll_model("regnet", {make, {"channel"}, true});

}  // namespace
}  // namespace bench
