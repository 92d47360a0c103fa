// DenseNet (Huang et al. 2017) as torchvision names it. torchvision models/densenet.py. A layer
// sees what all before it in its block gave, side by side; published files name its parts norm.1,
// conv.1, ..., which torchvision rewrites to norm1, conv1. Channels inside a layer are a group;
// those that stand side by side are not pruned.
#include <array>

#include "models/vision.h"

namespace bench {
namespace {

/// Norm, ReLU, convolution.
struct Unit {
  BatchNorm norm;
  Layer conv;
  Tensor operator()(const Tensor& x, const Batch& batch) const {
    return conv(at::relu(norm(x, batch)));
  }
};

struct DenseBlock {
  std::vector<std::array<Unit, 2>> layers;  // empty: a transition
  Unit transition;
};

class DenseNet : public Model {
 public:
  explicit DenseNet(const Checkpoint& c) {
    stem_ = take_conv(c, "features.conv0", 2);
    stem_norm_ = take_norm(c, "features.norm0");
    const auto dense = count_blocks(c);
    for (int64_t i = 1; i <= dense; ++i) {
      blocks_.push_back(take_block(c, fmt::format("features.denseblock{}.denselayer", i)));
      const auto at = fmt::format("features.transition{}.", i);
      if (i == dense) break;
      blocks_.push_back({{}, {take_norm(c, at + "norm"), take_conv(c, at + "conv")}});
    }
    last_ = take_norm(c, "features.norm5");  // however many blocks there are
    head_ = take_layer(c, "classifier");
    scale_ = imagenet_scale(c);
  }

  Input input() const override { return Input::Images; }
  Tensor loss(const Batch& batch) const override { return image_loss(*this, batch); }
  Tensor stem(const Batch& batch) const override { return scale_(batch.images); }

  Tensor block(int64_t index, const Tensor& x, const Batch& batch) const override {
    if (index == 0)
      return at::max_pool2d(at::relu(stem_norm_(stem_(x), batch)), {3, 3}, {2, 2}, {1, 1});
    if (index + 1 == block_count()) return head_(at::relu(last_(x, batch)).mean({2, 3}));
    const auto& b = blocks_[static_cast<size_t>(index - 1)];
    if (b.layers.empty()) return at::avg_pool2d(b.transition(x, batch), {2, 2});
    auto all = x;
    for (const auto& [narrow, grow] : b.layers)
      all = at::cat({all, grow(narrow(all, batch), batch)}, 1);
    return all;
  }

  Tensor features(const Tensor& hidden, const Batch&) const override { return hidden; }
  int64_t block_count() const override { return static_cast<int64_t>(blocks_.size()) + 2; }

  std::vector<Layer*> layers(int64_t block) override {
    if (block == 0) return {&stem_};
    if (block + 1 == block_count()) return {&head_};
    auto& b = blocks_[static_cast<size_t>(block - 1)];
    if (b.layers.empty()) return {&b.transition.conv};
    std::vector<Layer*> all;
    for (auto& [narrow, grow] : b.layers) all.push_back(&narrow.conv), all.push_back(&grow.conv);
    return all;
  }

  std::vector<Group> groups(const std::string& kind) override {
    std::vector<Group> all;
    if (kind != "channel") return all;
    for (size_t i = 0; i < blocks_.size(); ++i)
      for (auto& [narrow, grow] : blocks_[i].layers) {
        const auto at = static_cast<int64_t>(i) + 1;
        Group g{grow.conv.name, kind, at, at, narrow.conv.rows()};
        g.slices = {{&grow.conv, Slice::In, grow.conv.columns_per_channel()},
                    {&narrow.conv, Slice::Out}};
        grow.norm.follow(g);
        all.push_back(std::move(g));
      }
    return all;
  }

  std::vector<Named> tensors() override {
    std::vector<Named> all;
    const auto both = [&](Unit& u) {
      u.norm.name_tensors(all);
      name_layer(all, u.conv);
    };
    name_layer(all, stem_);
    stem_norm_.name_tensors(all);
    for (auto& b : blocks_) {
      for (auto& [narrow, grow] : b.layers) both(narrow), both(grow);
      if (b.layers.empty()) both(b.transition);
    }
    last_.name_tensors(all);
    name_layer(all, head_);
    scale_.name_tensors(all);
    return all;
  }

 private:
  static std::string part(const Checkpoint& c, const std::string& at, const char* what, int i) {
    const auto old = fmt::format("{}{}.{}", at, what, i);
    return c.take_if(old + ".weight").defined() ? old : fmt::format("{}{}{}", at, what, i);
  }

  static int64_t count_blocks(const Checkpoint& c) {
    int64_t n = 0;
    const auto has = [&](const char* conv) {
      return c.tensors.contains(
          fmt::format("features.denseblock{}.denselayer1.{}.weight", n + 1, conv));
    };
    while (has("conv1") || has("conv.1")) ++n;
    return n;
  }

  static DenseBlock take_block(const Checkpoint& c, const std::string& name) {
    DenseBlock b;
    for (int64_t i = 1;; ++i) {
      const auto at = fmt::format("{}{}.", name, i);
      if (!c.take_if(part(c, at, "conv", 1) + ".weight").defined()) return b;
      std::array<Unit, 2> units;
      for (int k = 0; k < 2; ++k)
        units[static_cast<size_t>(k)] = {take_norm(c, part(c, at, "norm", k + 1)),
                                         take_conv(c, part(c, at, "conv", k + 1))};
      b.layers.push_back(std::move(units));
    }
  }

  Layer stem_, head_;
  BatchNorm stem_norm_, last_;
  std::vector<DenseBlock> blocks_;
  ImageScale scale_;
};

std::unique_ptr<Model> make(const Checkpoint& c) {
  return std::make_unique<DenseNet>(c);
}
[[maybe_unused]] const bool registered = enroll_model("densenet", {make, {"channel"}, true});

}  // namespace
}  // namespace bench
