// EfficientNet B0 to B7 (Tan and Le 2019) and V2 (2021) as torchvision names them (features.S.I.
// block.K, classifier.1). torchvision models/efficientnet.py. Kinds of blocks, widths and squeezes
// are read from names and shapes; strides are in no tensor: inverted_residual_setting in
// config.json, else the paper's. Batch norms have eps 1e-5; B5 to B7 and V2 1e-3, by the
// constructor's name or, in a file without one, by the network's size.
#include "models/stack.h"

namespace bench {
namespace {

struct Form {
  double eps = 1e-5;
  std::vector<int64_t> strides;  // of each stage's first block
};

/// A convolution and its norm at NAME.0 and NAME.1, depthwise where its filters see one channel.
Step convolution(const Checkpoint& c, const std::string& at, Act act, int64_t stride, double eps) {
  Step s;
  const auto w = c.take(at + ".0.weight");
  if (w.dim() == 4 && w.size(1) == 1 && w.size(0) > 1)
    s.depth = take_depthwise(c, at + ".0", stride);
  else
    s.conv = take_conv(c, at + ".0", stride);
  s.norm = take_norm(c, at + ".1", eps);
  s.act = act;
  return s;
}

/// Its kernel wider than 1: where a block takes its stride.
bool strides(const Checkpoint& c, const std::string& at) {
  return c.take(at + ".0.weight").size(2) > 1;
}

StackBlock block(const Checkpoint& c, const std::string& at, int64_t stride, double eps) {
  StackBlock b;
  std::vector<std::string> names;
  for (int k = 0; k < 4; ++k) {
    const auto name = fmt::format("{}block.{}", at, k);
    if (c.take_if(name + ".0.weight").defined() || c.take_if(name + ".fc1.weight").defined())
      names.push_back(name);
  }
  if (names.empty()) fail("{}: {} holds no block", c.folder.string(), at);
  int64_t in = 0, out = 0;
  for (const auto& name : names) {
    Step s;
    if (c.take_if(name + ".fc1.weight").defined()) {
      s.squeeze = {take_conv(c, name + ".fc1"), take_conv(c, name + ".fc2"), Act::Silu};
    } else {
      // The projection has no activation behind it; a fused block of ratio 1 has none.
      const bool projects = names.size() > 1 && &name == &names.back();
      s = convolution(c, name, projects ? Act::Linear : Act::Silu, strides(c, name) ? stride : 1,
                      eps);
      if (in == 0) in = s.conv.weight.defined() ? s.conv.weight.size(1) : s.depth.weight.size(0);
      if (s.conv.weight.defined()) out = s.conv.rows();
    }
    b.steps.push_back(std::move(s));
  }
  b.residual = stride == 1 && in == out;
  return b;
}

int64_t count_blocks(const Checkpoint& c, int64_t stage) {
  const auto at = fmt::format("features.{}.", stage);
  return count_entries(c, at, ".block.0.0.weight");
}

Form form_of(const Checkpoint& c, const Checkpoint& args) {
  Form f;
  int64_t stages = 0, blocks = 0;
  while (const auto n = count_blocks(c, stages + 1)) ++stages, blocks += n;
  const auto first = c.tensors.find("features.1.0.block.1.fc1.weight");
  const bool squeezes_first = first != c.tensors.end();
  const auto name = c.config.is_object() ? c.config.value("constructor", std::string()) : "";
  const auto setting_key = "inverted_residual_setting";
  if (args.config.contains(setting_key)) {
    for (const auto& row : args.config.at(setting_key)) {
      if (!row.is_array() || row.size() < 4 || !row[3].is_number_integer())
        fail("{}: an entry of {} is no [kind, ratio, kernel, stride, in, out, layers]",
             c.folder.string(), setting_key);
      f.strides.push_back(row[3].get<int64_t>());
    }
    for (const char* key : {"norm_eps", "bn_eps", "batch_norm_eps", "eps"})
      f.eps = setting(args, key, f.eps);
  } else if (!squeezes_first) {
    f.strides = stages == 6 ? std::vector<int64_t>{1, 2, 2, 2, 1, 2}
                            : std::vector<int64_t>{1, 2, 2, 2, 1, 2, 1};
    f.eps = 1e-3;
  } else {
    f.strides = {1, 2, 2, 2, 1, 2, 1};
    if (blocks >= 39) f.eps = 1e-3;  // B5 has 39 blocks
  }
  for (const char* wide : {"efficientnet_b5", "efficientnet_b6", "efficientnet_b7",
                           "efficientnet_v2_s", "efficientnet_v2_m", "efficientnet_v2_l"})
    if (name == wide) f.eps = 1e-3;
  if (f.strides.size() != static_cast<size_t>(stages))
    fail("{}: has {} stages, where {} strides are known; config.json needs {}", c.folder.string(),
         stages, f.strides.size(), setting_key);
  return f;
}

std::unique_ptr<Model> make(const Checkpoint& c) {
  const auto form = form_of(c, constructor_arguments(c));
  auto net = std::make_unique<Stack>();
  net->blocks.push_back({{convolution(c, "features.0", Act::Silu, 2, form.eps)}});
  const auto stages = static_cast<int64_t>(form.strides.size());
  for (int64_t s = 1; s <= stages; ++s)
    for (int64_t i = 0; i < count_blocks(c, s); ++i)
      net->blocks.push_back(block(c, fmt::format("features.{}.{}.", s, i),
                                  i == 0 ? form.strides[static_cast<size_t>(s - 1)] : 1, form.eps));
  net->blocks.push_back(
      {{convolution(c, fmt::format("features.{}", stages + 1), Act::Silu, 1, form.eps)}});
  net->linears.push_back(take_layer(c, "classifier.1"));
  net->scale = imagenet_scale(c);
  return net;
}

[[maybe_unused]] const bool registered = enroll_model("efficientnet", {make, {"channel"}, true});

}  // namespace
}  // namespace bench
