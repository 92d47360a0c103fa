// MobileNetV3 large and small (Howard et al. 2019) as torchvision names them (features.N.block.K,
// classifier.0 and .3). torchvision models/mobilenetv3.py. Strides, dilations and activations are
// in no tensor: inverted_residual_setting in config.json, else those of the paper's two networks,
// known by their numbers of blocks. Batch norms have eps 1e-3.
#include "models/stack.h"

namespace bench {
namespace {

constexpr double kEps = 1e-3;

struct Form {
  Act act = Act::HardSwish;
  int64_t stride = 1, dilation = 1;
};

Step convolution(const Checkpoint& c, const std::string& at, Act act, int64_t stride = 1) {
  Step s;
  s.conv = take_conv(c, at + ".0", stride);
  s.norm = take_norm(c, at + ".1", kEps);
  s.act = act;
  return s;
}

StackBlock block(const Checkpoint& c, const std::string& at, const Form& form) {
  StackBlock b;
  int64_t in = 0;
  for (int k = 0; k < 4; ++k) {
    const auto name = fmt::format("{}block.{}", at, k);
    Step s;
    if (c.take_if(name + ".fc1.weight").defined()) {
      s.squeeze = {take_conv(c, name + ".fc1"), take_conv(c, name + ".fc2"), Act::Relu,
                   Act::HardSigmoid};
      b.steps.push_back(std::move(s));
      continue;
    }
    const auto w = c.take_if(name + ".0.weight");
    if (!w.defined()) break;
    if (w.dim() == 4 && w.size(1) == 1 && w.size(0) > 1) {
      s.depth = take_depthwise(c, name + ".0", form.dilation > 1 ? 1 : form.stride);
      s.depth.dilation = form.dilation;
      s.norm = take_norm(c, name + ".1", kEps);
      s.act = form.act;
      if (in == 0) in = w.size(0);
    } else {
      s = convolution(c, name, form.act);
      if (in == 0) in = w.size(1);
    }
    b.steps.push_back(std::move(s));
  }
  if (b.steps.empty() || !b.steps.back().conv.weight.defined())
    fail("{}: {} ends without a projection", c.folder.string(), at);
  b.steps.back().act = Act::Linear;
  b.residual = form.stride == 1 && in == b.steps.back().conv.rows();
  return b;
}

std::vector<Form> forms_of(const Checkpoint& c, const Checkpoint& args, int64_t blocks) {
  std::vector<Form> all;
  const auto key = "inverted_residual_setting";
  if (args.config.contains(key)) {
    for (const auto& row : args.config.at(key)) {
      if (!row.is_array() || row.size() < 8 || !row[5].is_string() || !row[6].is_number_integer() ||
          !row[7].is_number_integer() || (row[5] != "RE" && row[5] != "HS"))
        fail(
            "{}: an entry of {} is no [in, kernel, expanded, out, squeezes, RE or HS, stride, "
            "dilation]",
            c.folder.string(), key);
      all.push_back({row[5] == "RE" ? Act::Relu : Act::HardSwish, row[6].get<int64_t>(),
                     row[7].get<int64_t>()});
    }
  } else if (blocks == 15 || blocks == 11) {
    const bool large = blocks == 15;
    const std::vector<int64_t> strides =
        large ? std::vector<int64_t>{1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1}
              : std::vector<int64_t>{2, 2, 1, 2, 1, 1, 1, 1, 2, 1, 1};
    for (size_t i = 0; i < strides.size(); ++i)
      all.push_back({i < (large ? 6u : 3u) ? Act::Relu : Act::HardSwish, strides[i], 1});
  }
  if (all.size() != static_cast<size_t>(blocks))
    fail("{}: has {} blocks, and the strides of {} are known; config.json needs {}",
         c.folder.string(), blocks, all.size(), key);
  return all;
}

std::unique_ptr<Model> make(const Checkpoint& c) {
  const auto blocks = count_entries(c, "features.", ".block.0.0.weight", 1);
  const auto forms = forms_of(c, constructor_arguments(c), blocks);
  auto net = std::make_unique<Stack>();
  net->blocks.push_back({{convolution(c, "features.0", Act::HardSwish, 2)}});
  for (int64_t i = 1; i <= blocks; ++i)
    net->blocks.push_back(
        block(c, fmt::format("features.{}.", i), forms[static_cast<size_t>(i - 1)]));
  net->blocks.push_back({{convolution(c, fmt::format("features.{}", blocks + 1), Act::HardSwish)}});
  net->linears = {take_layer(c, "classifier.0"), take_layer(c, "classifier.3")};
  net->between = Act::HardSwish;
  net->scale = imagenet_scale(c);
  return net;
}

[[maybe_unused]] const bool registered = enroll_model("mobilenet_v3", {make, {"channel"}, true});

}  // namespace
}  // namespace bench
