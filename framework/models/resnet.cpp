// CIFAR ResNet: 3x3 stem, three stages of basic blocks, pooling, one linear layer. Two checkpoint
// dialects: akamaster (option A shortcuts: every second pixel, zero channels on both sides) and
// mmcls (1x1 convolution with batch norm; names backbone.*, head.fc). Chain: block 0 is the first
// convolution, then the residual blocks, the last block pools and classifies, so that every
// prunable layer lies inside a block.
#include "models/parts.h"

namespace bench {
namespace {

struct BatchNorm {
  Tensor weight, bias, mean, var;
  Tensor operator()(const Tensor& x, bool batch_statistics) const {
    if (batch_statistics) return at::batch_norm(x, weight, bias, {}, {}, true, 0, 1e-5, false);
    return at::batch_norm(x, weight, bias, mean, var, false, 0, 1e-5, false);
  }
};

struct Residual {
  Layer conv1, conv2;
  BatchNorm bn1, bn2;
  Layer down;  // option B: weight defined
  BatchNorm down_bn;
  Tensor source;  // option A where the shape changes: [out channels], the input channel that each
                  // output channel gets, -1 for zero
};

class ResNet : public Model {
 public:
  explicit ResNet(const Checkpoint& c) : mmcls_(c.take_if("backbone.conv1.weight").defined()) {
    const std::string at = mmcls_ ? "backbone." : "";
    conv1_ = take_conv(c, at + "conv1", 1);
    bn1_ = take_bn(c, at + "bn1");
    for (int stage = 1; stage <= 3; ++stage) {
      stage_begin_.push_back(static_cast<int64_t>(blocks_.size()));
      for (int i = 0;; ++i) {
        const auto name = fmt::format("{}layer{}.{}.", at, stage, i);
        if (!c.take_if(name + "conv1.weight").defined()) break;
        blocks_.push_back(take_block(c, name, stage > 1 && i == 0 ? 2 : 1));
      }
      if (static_cast<int64_t>(blocks_.size()) == stage_begin_.back())
        fail("{}: {}layer{}.0.conv1.weight is missing", c.folder.string(), at, stage);
    }
    stage_begin_.push_back(static_cast<int64_t>(blocks_.size()));
    fc_ = take_layer(c, mmcls_ ? "head.fc" : "linear");
    using Three = std::vector<double>;  // per channel, on a scale of 0..1
    const Three mean =
        mmcls_ ? Three{125.307 / 255, 122.961 / 255, 113.8575 / 255} : Three{0.485, 0.456, 0.406};
    const Three std =
        mmcls_ ? Three{51.5865 / 255, 50.847 / 255, 51.255 / 255} : Three{0.229, 0.224, 0.225};
    mean_ = at::tensor(setting(c, "image_mean", mean), at::kFloat).reshape({1, -1, 1, 1});
    std_ = at::tensor(setting(c, "image_std", std), at::kFloat).reshape({1, -1, 1, 1});
  }

  /// Images come as 0..255; normalisation belongs to the checkpoint.
  Tensor stem(const Batch& batch) const override { return (batch.images / 255.0 - mean_) / std_; }

  Tensor block(int64_t index, const Tensor& x, const Batch& batch) const override {
    const bool stats = batch.batch_statistics;
    if (index == 0) return at::relu(bn1_(conv1_(x), stats));
    if (index > static_cast<int64_t>(blocks_.size())) {
      const auto pooled = x.mean({2, 3});
      return fc_(pooled);
    }
    const auto& b = blocks_[static_cast<size_t>(index - 1)];
    const auto y = b.bn2(b.conv2(at::relu(b.bn1(b.conv1(x), stats))), stats);
    return at::relu(y + shortcut(b, x, stats));
  }

  Tensor features(const Tensor& hidden, const Batch&) const override { return hidden; }
  int64_t block_count() const override { return static_cast<int64_t>(blocks_.size()) + 2; }

  std::vector<Layer*> layers(int64_t block) override {
    if (block == 0) return {&conv1_};
    if (block > static_cast<int64_t>(blocks_.size())) return {&fc_};
    auto& b = blocks_[static_cast<size_t>(block - 1)];
    if (b.down.weight.defined()) return {&b.conv1, &b.conv2, &b.down};
    return {&b.conv1, &b.conv2};
  }

  std::vector<Group> groups(const std::string& kind) override {
    if (kind != "channel") return {};
    std::vector<Group> all;
    for (size_t i = 0; i < blocks_.size(); ++i) {
      auto& b = blocks_[i];
      const auto at = static_cast<int64_t>(i) + 1;
      Group g{short_name(b.conv2.name), kind, at, at};
      g.units = b.conv1.rows();
      g.slices = {{&b.conv2, Slice::In, b.conv2.columns_per_channel()}, {&b.conv1, Slice::Out}};
      follow(g, b.bn1);
      all.push_back(std::move(g));
    }
    for (int stage = 0; stage < 3; ++stage) all.push_back(stream(stage));
    return all;
  }

  std::vector<Named> tensors() override {
    std::vector<Named> all;
    const auto conv = [&](Layer& l) {
      all.push_back({l.weight_name(), &l.weight});
      all.push_back({l.name + ".bias", &l.bias});
    };
    const auto norm = [&](const std::string& name, BatchNorm& n) {
      all.push_back({name + ".weight", &n.weight});
      all.push_back({name + ".bias", &n.bias});
      all.push_back({name + ".running_mean", &n.mean, false});
      all.push_back({name + ".running_var", &n.var, false});
    };
    conv(conv1_);
    norm(mmcls_ ? "backbone.bn1" : "bn1", bn1_);
    for (auto& b : blocks_) {
      const auto at = b.conv1.name.substr(0, b.conv1.name.size() - 5);
      conv(b.conv1);
      norm(at + "bn1", b.bn1);
      conv(b.conv2);
      norm(at + "bn2", b.bn2);
      conv(b.down);
      norm(at + "downsample.1", b.down_bn);
      all.push_back({at + "shortcut_source", &b.source, false});
    }
    conv(fc_);
    all.push_back({"image_mean", &mean_, false});
    all.push_back({"image_std", &std_, false});
    return all;
  }

 private:
  static Layer take_conv(const Checkpoint& c, const std::string& name, int64_t stride) {
    auto l = take_layer(c, name);
    if (l.weight.dim() != 4) fail("{}: {} is no convolution", c.folder.string(), name);
    l.stride = stride;
    l.padding = l.weight.size(2) / 2;
    return l;
  }
  static BatchNorm take_bn(const Checkpoint& c, const std::string& name) {
    return {c.take(name + ".weight"), c.take(name + ".bias"), c.take(name + ".running_mean"),
            c.take(name + ".running_var")};
  }

  static Residual take_block(const Checkpoint& c, const std::string& at, int64_t stride) {
    Residual b{take_conv(c, at + "conv1", stride),
               take_conv(c, at + "conv2", 1),
               take_bn(c, at + "bn1"),
               take_bn(c, at + "bn2"),
               {},
               {},
               {}};
    if (c.take_if(at + "downsample.0.weight").defined()) {
      b.down = take_conv(c, at + "downsample.0", stride);
      b.down_bn = take_bn(c, at + "downsample.1");
    } else if (stride != 1) {
      const auto in = b.conv1.weight.size(1), out = b.conv2.rows(), side = (out - in) / 2;
      b.source = at::full({out}, -1, at::kLong);
      b.source.narrow(0, side, in).copy_(at::arange(in));
    }
    return b;
  }

  static Tensor shortcut(const Residual& b, const Tensor& x, bool stats) {
    if (b.down.weight.defined()) return b.down_bn(b.down(x), stats);
    if (!b.source.defined()) return x;
    const auto half = x.slice(2, 0, x.size(2), 2).slice(3, 0, x.size(3), 2);
    auto none = half.sizes().vec();
    none[1] = 1;
    const auto padded = at::cat({half, at::zeros(none, half.options())}, 1);
    const auto from = at::where(b.source < 0, at::full_like(b.source, half.size(1)), b.source);
    return padded.index_select(1, from);
  }

  static void follow(Group& g, BatchNorm& n) {
    g.followers.push_back({&n.weight, Follower::Affine});
    g.followers.push_back({&n.bias, Follower::Affine});
    g.followers.push_back({&n.mean, Follower::Plain});
    g.followers.push_back({&n.var, Follower::Plain});
  }

  std::string short_name(const std::string& name) const {
    return mmcls_ ? name.substr(name.find('.') + 1) : name;
  }

  /// The residual stream of one stage: every layer that writes it and every layer that reads it
  /// (ifso.md 1.4). Readers first, as the score of a channel lives on what reads it.
  Group stream(int stage) {
    const auto s = static_cast<size_t>(stage);
    const auto begin = stage_begin_[s], end = stage_begin_[s + 1];
    Group g{fmt::format("stage{}", stage + 1), "channel", stage == 0 ? 0 : begin + 1, end};
    g.units = blocks_[static_cast<size_t>(begin)].conv2.rows();
    const auto reads = [&](Layer& l) {
      g.slices.push_back({&l, Slice::In, l.columns_per_channel()});
    };
    for (auto i = begin; i < end; ++i)
      if (i > begin || stage == 0) reads(blocks_[static_cast<size_t>(i)].conv1);
    if (stage < 2) {
      auto& next = blocks_[static_cast<size_t>(end)];
      reads(next.conv1);
      if (next.down.weight.defined())
        reads(next.down);
      else
        g.followers.push_back({&next.source, Follower::Index});
      g.last = end + 1;
    } else {
      reads(fc_);
      g.last = block_count() - 1;
    }
    if (stage == 0) {
      g.slices.push_back({&conv1_, Slice::Out});
      follow(g, bn1_);
    } else {
      auto& first = blocks_[static_cast<size_t>(begin)];
      if (first.down.weight.defined()) {
        g.slices.push_back({&first.down, Slice::Out});
        follow(g, first.down_bn);
      } else {
        g.followers.push_back({&first.source, Follower::Plain});
      }
    }
    for (auto i = begin; i < end; ++i) {
      g.slices.push_back({&blocks_[static_cast<size_t>(i)].conv2, Slice::Out});
      follow(g, blocks_[static_cast<size_t>(i)].bn2);
    }
    return g;
  }

  bool mmcls_;
  Layer conv1_, fc_;
  BatchNorm bn1_;
  Tensor mean_, std_;
  std::vector<Residual> blocks_;
  std::vector<int64_t> stage_begin_;
};

std::unique_ptr<Model> make(const Checkpoint& c) {
  return std::make_unique<ResNet>(c);
}
[[maybe_unused]] const bool registered = enroll_model("resnet_cifar", {make, {"channel"}, true});

}  // namespace
}  // namespace bench
