// Residual networks of images: CIFAR (three stages of basic blocks behind a 3x3 convolution) and
// ImageNet (four stages behind 7x7, stride 2 and a max pool; basic blocks or bottlenecks). What it
// is, is read from names and shapes:
//   akamaster    conv1, layer1.0.conv1, linear; option A shortcuts: every second pixel, zero
//                channels on both sides
//   mmcls        backbone.conv1, backbone.layer1.0.conv1, head.fc; masks of IFSO where they are
//   torchvision  conv1, layer1.0.conv1, fc; downsample.0/1; ResNeXt's convolutions in groups
//   open_lth     conv, bn, blocks.0.conv1, fc; shortcut.0/1
// With detect.cls and detect.box in place of the linear layer it is a detector (image_head.h).
// Chain: block 0 is the stem, then the residual blocks; the last block pools and classifies, or
// detects, so that every prunable layer lies inside a block.
#include <set>

#include "models/image_head.h"

namespace bench {
namespace {

struct Residual {
  std::string at;           // "layer1.0."
  std::vector<Unit> units;  // two 3x3, or 1x1, 3x3, 1x1
  Unit down;                // option B: its weight is defined
  Tensor source;  // option A where the shape changes: [out channels], the input channel that each
                  // output channel gets, -1 for zero
  int64_t stride = 1;
  Layer& last() { return units.back().conv; }
};

class ResNet : public Model {
 public:
  explicit ResNet(const Checkpoint& c) {
    dialect(c);
    stem_ = {take_conv(c, stem_name_), take_norm(c, norm_name_), {}};
    large_ = stem_.conv.weight.size(2) == 7;
    if (large_) stem_.conv.stride = 2;
    if (flat_)
      take_flat(c);
    else
      take_stages(c);
    head_ = take_head(c, fc_name_);
    scale_ = mmcls_ ? take_scale(c, {125.307 / 255, 122.961 / 255, 113.8575 / 255},
                                 {51.5865 / 255, 50.847 / 255, 51.255 / 255})
                    : imagenet_scale(c);
    for (Layer* l : Model::layers()) take_mask(c, *l);
  }

  Input input() const override { return Input::Images; }
  Tensor loss(const Batch& batch) const override { return image_loss(*this, batch); }
  /// Images come as 0..255; normalisation belongs to the checkpoint.
  Tensor stem(const Batch& batch) const override { return scale_(batch.images); }

  Tensor block(int64_t index, const Tensor& x, const Batch& batch) const override {
    if (index == 0) {
      const auto y = at::relu(stem_.norm(stem_.conv(x), batch));
      return large_ ? at::max_pool2d(y, {3, 3}, {2, 2}, {1, 1}) : y;
    }
    if (index > static_cast<int64_t>(blocks_.size())) return head_(x, batch);
    const auto& b = blocks_[static_cast<size_t>(index - 1)];
    auto y = x;
    for (size_t i = 0; i < b.units.size(); ++i) {
      y = b.units[i](y, batch);
      if (i + 1 < b.units.size()) y = at::relu(y);
    }
    return at::relu(y + shortcut(b, x, batch));
  }

  Tensor features(const Tensor& hidden, const Batch&) const override { return hidden; }
  int64_t block_count() const override { return static_cast<int64_t>(blocks_.size()) + 2; }

  std::vector<Layer*> layers(int64_t block) override {
    if (block == 0) return {&stem_.conv};
    if (block > static_cast<int64_t>(blocks_.size())) return head_.layers();
    auto& b = blocks_[static_cast<size_t>(block - 1)];
    std::vector<Layer*> all;
    for (auto& u : b.units)
      if (u.conv.weight.defined()) all.push_back(&u.conv);
    if (b.down.conv.weight.defined()) all.push_back(&b.down.conv);
    return all;
  }

  std::vector<Group> groups(const std::string& kind) override {
    if (kind != "channel") return {};
    std::vector<Group> all;
    for (size_t i = 0; i < blocks_.size(); ++i) {
      auto& b = blocks_[i];
      const auto at = static_cast<int64_t>(i) + 1;
      for (size_t u = 0; u + 1 < b.units.size(); ++u) {
        auto& [writer, norm, grouped] = b.units[u];
        // A convolution in groups has as many channels behind it as before: they go together, a
        // whole group at a time.
        const bool through = b.units[u + 1].grouped.weight.defined();
        if (grouped.weight.defined()) continue;
        auto& next = b.units[through ? u + 2 : u + 1];
        const auto width = through ? b.units[u + 1].grouped.group() : 1;
        Layer& reader = next.conv;
        Group g{short_name(reader.name), kind, at, at};
        g.units = writer.rows() / width;
        g.slices = {{&reader, Slice::In, width * reader.columns_per_channel()},
                    {&writer, Slice::Out, width}};
        norm.follow(g, width);
        if (through) {
          b.units[u + 1].grouped.follow(g, width);
          b.units[u + 1].norm.follow(g, width);
        }
        all.push_back(std::move(g));
      }
    }
    for (size_t stage = 0; stage + 1 < stage_begin_.size(); ++stage) all.push_back(stream(stage));
    for (auto& g : head_.groups(block_count() - 1)) all.push_back(std::move(g));
    if (auto& first = blocks_.front(); first.down.conv.weight.defined()) {
      Group g{"stem", kind, 0, 1};  // its channels end at the first block's convolutions
      g.units = stem_.conv.rows();
      for (Layer* l : {&first.units.front().conv, &first.down.conv})
        g.slices.push_back({l, Slice::In, l->columns_per_channel()});
      g.slices.push_back({&stem_.conv, Slice::Out});
      stem_.norm.follow(g);
      all.push_back(std::move(g));
    }
    return all;
  }

  std::vector<Named> tensors() override {
    std::vector<Named> all;
    const auto both = [&](Unit& u) {
      if (u.grouped.weight.defined())
        u.grouped.name_tensors(all);
      else
        name_layer(all, u.conv);
      u.norm.name_tensors(all);
    };
    both(stem_);
    for (auto& b : blocks_) {
      for (auto& u : b.units) both(u);
      both(b.down);
      all.push_back({b.at + "shortcut_source", &b.source, false});
    }
    head_.name_tensors(all);
    scale_.name_tensors(all);
    return all;
  }

 private:
  void dialect(const Checkpoint& c) {
    const auto has = [&](const char* name) { return c.take_if(name).defined(); };
    mmcls_ = has("backbone.conv1.weight");
    flat_ = !mmcls_ && has("blocks.0.conv1.weight");
    prefix_ = mmcls_ ? "backbone." : "";
    stem_name_ = flat_ ? "conv" : prefix_ + "conv1";
    norm_name_ = flat_ ? "bn" : prefix_ + "bn1";
    fc_name_ = mmcls_ ? "head.fc" : has("linear.weight") ? "linear" : "fc";
  }

  void take_stages(const Checkpoint& c) {
    for (int stage = 1;; ++stage) {
      stage_begin_.push_back(static_cast<int64_t>(blocks_.size()));
      for (int i = 0;; ++i) {
        const auto name = fmt::format("{}layer{}.{}.", prefix_, stage, i);
        if (!c.take_if(name + "conv1.weight").defined()) break;
        blocks_.push_back(take_block(c, name, stage > 1 && i == 0 ? 2 : 1, i == 0));
      }
      if (static_cast<int64_t>(blocks_.size()) > stage_begin_.back()) continue;
      if (stage <= 3)
        fail("{}: {}layer{}.0.conv1.weight is missing", c.folder.string(), prefix_, stage);
      return;
    }
  }

  /// Blocks without stages: one begins where a shortcut has a convolution.
  void take_flat(const Checkpoint& c) {
    for (int i = 0;; ++i) {
      const auto name = fmt::format("blocks.{}.", i);
      if (!c.take_if(name + "conv1.weight").defined()) break;
      const bool begins = c.take_if(name + "shortcut.0.weight").defined();
      if (i == 0 || begins) stage_begin_.push_back(i);
      blocks_.push_back(take_block(c, name, begins ? 2 : 1, i == 0 || begins));
    }
    stage_begin_.push_back(static_cast<int64_t>(blocks_.size()));
  }

  static Residual take_block(const Checkpoint& c, const std::string& at, int64_t stride,
                             bool first) {
    Residual b;
    b.at = at;
    b.stride = stride;
    for (int i = 1; i <= 3; ++i) {
      const auto n = std::to_string(i);
      if (i == 3 && !c.take_if(at + "conv3.weight").defined()) break;
      Unit u;
      u.norm = take_norm(c, at + "bn" + n);
      // A bottleneck's middle may be in groups (ResNeXt): it sees fewer channels than come in.
      const auto weight = c.take(at + "conv" + n + ".weight");
      if (i == 2 && weight.dim() == 4 && weight.size(1) < b.units.back().conv.rows())
        u.grouped = take_grouped(c, at + "conv" + n, 1);
      else
        u.conv = take_conv(c, at + "conv" + n);
      b.units.push_back(std::move(u));
    }
    // A bottleneck's stride is at its 3x3 convolution (torchvision, mmcls style pytorch).
    auto& strided = b.units[b.units.size() == 3 ? 1 : 0];
    strided.conv.stride = strided.grouped.stride = stride;
    for (const std::string way : {"downsample.", "shortcut."})
      if (first && c.take_if(at + way + "0.weight").defined())
        b.down = {take_conv(c, at + way + "0", stride), take_norm(c, at + way + "1"), {}};
    // open_lth and Synaptic Flow write the way past a block as a factor of one a channel.
    if (const auto factor = c.take_if(at + "shortcut.weight");
        factor.defined() && !factor.eq(1).all().item<bool>())
      fail("{}: {}shortcut.weight scales the way past the block, which is not computed here",
           c.folder.string(), at);
    if (!b.down.conv.weight.defined() && stride != 1) {
      const auto in = b.units.front().conv.weight.size(1), out = b.last().rows();
      if (in > out && !c.take_if(at + "shortcut_source").defined())
        fail("{}: {} has fewer channels than its input and no convolution in the shortcut",
             c.folder.string(), at);
      b.source = at::full({out}, -1, at::kLong);
      if (in <= out) b.source.narrow(0, (out - in) / 2, in).copy_(at::arange(in));
      // A shrunk model says which of its channels read which.
      if (const auto kept = c.take_if(at + "shortcut_source"); kept.defined()) {
        expect_shape(c, kept, at + "shortcut_source", {out});
        if (kept.scalar_type() != at::kLong || kept.min().item<int64_t>() < -1 ||
            kept.max().item<int64_t>() >= in)
          fail("{}: {}shortcut_source names channels that are not there", c.folder.string(), at);
        b.source = kept;
      }
    }
    return b;
  }

  /// Masks on the input channels that IFSO keeps beside full-size weights; a shrunk layer has
  /// obeyed its mask already.
  static void take_mask(const Checkpoint& c, Layer& l) {
    const auto mask = c.take_if(l.name + ".in_mask");
    if (!mask.defined() || mask.numel() != l.weight.size(1)) return;
    const auto keep = mask.flatten() > 0.5;
    if (keep.all().item<bool>()) return;
    l.set_mask(keep.repeat_interleave(l.columns_per_channel())
                   .unsqueeze(0)
                   .expand({l.rows(), l.columns()})
                   .contiguous());
  }

  static Tensor shortcut(const Residual& b, const Tensor& x, const Batch& batch) {
    if (b.down.conv.weight.defined()) return b.down.norm(b.down.conv(x), batch);
    if (!b.source.defined()) return x;
    const auto half = x.slice(2, 0, x.size(2), 2).slice(3, 0, x.size(3), 2);
    auto none = half.sizes().vec();
    none[1] = 1;
    const auto padded = at::cat({half, at::zeros(none, half.options())}, 1);
    const auto from = at::where(b.source < 0, at::full_like(b.source, half.size(1)), b.source);
    return padded.index_select(1, from);
  }

  std::string short_name(const std::string& name) const { return name.substr(prefix_.size()); }

  /// The residual stream of one stage: every layer that writes it and every layer that reads it
  /// (ifso.md 1.4). Readers first, as the score of a channel lives on what reads it.
  Group stream(size_t stage) {
    const auto begin = stage_begin_[stage], end = stage_begin_[stage + 1];
    const auto at = [&](int64_t i) -> Residual& { return blocks_[static_cast<size_t>(i)]; };
    // The stem's channels are the first stage's own where nothing converts them.
    const bool stem = stage == 0 && !at(begin).down.conv.weight.defined();
    Group g{fmt::format("stage{}", stage + 1), "channel", stem ? 0 : begin + 1, end};
    g.units = at(begin).last().rows();
    const auto reads = [&](Layer& l) {
      g.slices.push_back({&l, Slice::In, l.columns_per_channel()});
    };
    for (auto i = begin; i < end; ++i)
      if (i > begin || stem) reads(at(i).units.front().conv);
    if (stage + 2 < stage_begin_.size()) {
      auto& next = at(end);
      reads(next.units.front().conv);
      if (next.down.conv.weight.defined())
        reads(next.down.conv);
      else
        g.followers.push_back({&next.source, Follower::Index});
      g.last = end + 1;
    } else {
      for (Layer* l : head_.readers()) reads(*l);
      g.last = block_count() - 1;
    }
    if (stem) {
      g.slices.push_back({&stem_.conv, Slice::Out});
      stem_.norm.follow(g);
    } else if (auto& first = at(begin); first.down.conv.weight.defined()) {
      g.slices.push_back({&first.down.conv, Slice::Out});
      first.down.norm.follow(g);
    } else {
      g.followers.push_back({&first.source, Follower::Plain});
    }
    for (auto i = begin; i < end; ++i) {
      g.slices.push_back({&at(i).last(), Slice::Out});
      at(i).units.back().norm.follow(g);
    }
    return g;
  }

  bool mmcls_ = false, flat_ = false, large_ = false;
  std::string prefix_, stem_name_, norm_name_, fc_name_;
  Unit stem_;
  ImageHead head_;
  ImageScale scale_;
  std::vector<Residual> blocks_;
  std::vector<int64_t> stage_begin_;
};

std::unique_ptr<Model> make(const Checkpoint& c) {
  return std::make_unique<ResNet>(c);
}
[[maybe_unused]] const bool cifar = enroll_model("resnet_cifar", {make, {"channel"}, true});
[[maybe_unused]] const bool imagenet = enroll_model("resnet", {make, {"channel"}, true});
[[maybe_unused]] const bool boxes = enroll_model("resnet_detector", {make, {"channel"}, true});

}  // namespace
}  // namespace bench
