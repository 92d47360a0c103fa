// ConvNeXt (Liu et al. 2022): transformers models/convnext, timm models/convnext.py, torchvision
// models/convnext.py. Block: depthwise 7x7, layer norm, linear, GELU, linear, a scale per channel,
// added to what came in. Chain: blocks and, between stages, a norm with a 2x2 convolution of
// stride 2. Linear layers that a file holds as 1x1 convolutions (timm's conv_mlp) are matrices
// here.
#include "models/library.h"

namespace bench {
namespace {

struct Block {
  Norm norm;
  Depthwise depth;
  Layer in, out;
  Tensor scale;  // as stored: [c] or [c, 1, 1]; undefined: 1
  std::string scale_name;
  Layer down;  // between stages; weight undefined: a block
  bool between() const { return down.weight.defined(); }
};

struct Names {
  std::string stem, stem_norm, last_norm, head;
  std::string depth, norm, in, out, scale;
};

Names names_of(Library library) {
  if (library == Library::Transformers)
    return {"convnext.embeddings.patch_embeddings",
            "convnext.embeddings.layernorm",
            "convnext.layernorm",
            "classifier",
            "dwconv",
            "layernorm",
            "pwconv1",
            "pwconv2",
            "layer_scale_parameter"};
  if (library == Library::Timm)
    return {"stem.0", "stem.1",  "head.norm", "head.fc", "conv_dw",
            "norm",   "mlp.fc1", "mlp.fc2",   "gamma"};
  return {"features.0.0", "features.0.1", "classifier.0", "classifier.2", "block.0",
          "block.2",      "block.3",      "block.5",      "layer_scale"};
}

/// f over rows of pixels. x: [n, c, h, w].
Tensor by_pixel(const Tensor& x, const std::function<Tensor(const Tensor&)>& f) {
  const auto y = f(x.permute({0, 2, 3, 1}).reshape({-1, x.size(1)}));
  return y.reshape({x.size(0), x.size(2), x.size(3), -1}).permute({0, 3, 1, 2}).contiguous();
}

class ConvNext : public Model {
 public:
  ConvNext(const Checkpoint& whole, Source& c, Library library) {
    const auto names = names_of(library);
    scale_ = imagenet_scale(whole);
    act_ = activation(c.get<std::string>("hidden_act", "gelu"), c.where());
    // Inner norms never follow the key.
    const double last_eps =
        library == Library::Transformers ? c.get("layer_norm_eps", 1e-12) : c.get("norm_eps", kEps);
    inner_eps_ = library == Library::Timm ? last_eps : kEps;
    stem_ = take_patches(c, names.stem);
    stem_norm_ = c.layer_norm(names.stem_norm, inner_eps_);
    stage_begin_.push_back(0);
    for (int64_t s = 0; take_stage(c, library, names, s); ++s)
      stage_begin_.push_back(static_cast<int64_t>(blocks_.size()));
    if (blocks_.empty()) fail("{}: holds no block of a ConvNeXt", c.where());
    last_norm_ = c.layer_norm(names.last_norm, last_eps);
    head_ = c.layer(names.head, c.take_if(names.head + ".bias").defined());
    c.inert({"depths", "dims", "hidden_sizes", "num_stages", "layer_scale_init_value",
             "block_setting", "layer_scale", "conv_mlp", "ls_init_value", "head_init_scale",
             "kernel_sizes", "conv_bias", "stage_block", "patch_size"});
    c.only<std::string>("stem_type", "patch");
  }

  Input input() const override { return Input::Images; }
  Tensor loss(const Batch& batch) const override { return image_loss(*this, batch); }
  Tensor stem(const Batch& batch) const override {
    return by_pixel(stem_(scale_(batch.images)), [&](const Tensor& t) { return stem_norm_(t); });
  }

  Tensor block(int64_t index, const Tensor& x, const Batch&) const override {
    const auto& b = blocks_[static_cast<size_t>(index)];
    if (b.between()) return b.down(by_pixel(x, [&](const Tensor& t) { return b.norm(t); }));
    if (b.out.columns() == 0) return x;
    return x + by_pixel(b.depth(x), [&](const Tensor& t) {
             const auto y = b.out(apply(act_, b.in(b.norm(t))));
             return b.scale.defined() ? y * b.scale.flatten() : y;
           });
  }

  Tensor features(const Tensor& hidden, const Batch&) const override {
    return last_norm_(hidden.mean({2, 3}));
  }
  Classifier classifier() const override { return {head_.weight, head_.bias}; }
  int64_t block_count() const override { return static_cast<int64_t>(blocks_.size()); }

  std::vector<Layer*> layers(int64_t block) override {
    auto& b = blocks_[static_cast<size_t>(block)];
    if (b.between()) return {&b.down};
    return {&b.in, &b.out};
  }

  std::vector<Group> groups(const std::string& kind) override {
    std::vector<Group> all;
    for (size_t i = 0; kind == "neuron" && i < blocks_.size(); ++i) {
      auto& b = blocks_[i];
      if (b.between()) continue;
      const auto at = static_cast<int64_t>(i);
      Group g{fmt::format("block.{}.mlp", i), kind, at, at, b.in.rows()};
      g.slices = {{&b.in, Slice::Out}, {&b.out, Slice::In}};
      all.push_back(std::move(g));
    }
    for (size_t s = 0; kind == "channel" && s + 1 < stage_begin_.size(); ++s)
      all.push_back(stream(s));
    return all;
  }

  std::vector<Named> tensors() override {
    std::vector<Named> all;
    const auto norm = [&](Norm& n) {
      all.push_back({n.name + ".weight", &n.weight});
      all.push_back({n.name + ".bias", &n.bias});
      all.push_back({n.name + ".alive", &n.alive, false});
    };
    stem_.name_tensors(all);
    norm(stem_norm_);
    for (auto& b : blocks_) {
      norm(b.norm);
      if (b.between()) {
        name_layer(all, b.down);
        continue;
      }
      b.depth.name_tensors(all);
      name_layer(all, b.in);
      name_layer(all, b.out);
      if (b.scale.defined()) all.push_back({b.scale_name, &b.scale});
    }
    norm(last_norm_);
    name_layer(all, head_);
    scale_.name_tensors(all);
    return all;
  }

 private:
  static constexpr double kEps = 1e-6;

  static Layer matrix(Source& c, const std::string& name) {
    auto l = c.layer(name, c.take_if(name + ".bias").defined());
    if (l.weight.dim() == 4 && l.columns_per_channel() == 1) l.weight = l.weight.flatten(1);
    if (l.weight.dim() != 2) fail("{}: {}.weight is no matrix", c.where(), name);
    return l;
  }

  /// False: there is no such stage.
  bool take_stage(Source& c, Library library, const Names& names, int64_t s) {
    const auto at = library == Library::Transformers ? fmt::format("convnext.encoder.stages.{}.", s)
                    : library == Library::Timm       ? fmt::format("stages.{}.", s)
                                                     : fmt::format("features.{}.", 2 * s + 1);
    const auto blocks = library == Library::Transformers ? at + "layers."
                        : library == Library::Timm       ? at + "blocks."
                                                         : at;
    const auto name = [&](int64_t i, const std::string& part) {
      return fmt::format("{}{}.{}", blocks, i, part);
    };
    if (!c.take_if(name(0, names.depth) + ".weight").defined()) return false;
    const auto between = library == Library::Transformers ? at + "downsampling_layer."
                         : library == Library::Timm       ? at + "downsample."
                                                          : fmt::format("features.{}.", 2 * s);
    if (s > 0) {
      Block b;
      b.norm = c.layer_norm(between + "0", inner_eps_);
      b.down = c.layer(between + "1", c.take_if(between + "1.bias").defined());
      if (!b.down.is_conv()) fail("{}: {}1 is no convolution", c.where(), between);
      b.down.stride = b.down.weight.size(2);
      blocks_.push_back(std::move(b));
    }
    for (int64_t i = 0; c.take_if(name(i, names.depth) + ".weight").defined(); ++i) {
      Block b;
      const auto depth = name(i, names.depth);
      b.depth = {c.take(depth + ".weight"), c.take_if(depth + ".bias"), depth};
      b.norm = c.layer_norm(name(i, names.norm), inner_eps_);
      b.in = matrix(c, name(i, names.in));
      b.out = matrix(c, name(i, names.out));
      b.scale_name = name(i, names.scale);
      b.scale = c.take_if(b.scale_name);
      blocks_.push_back(std::move(b));
    }
    return true;
  }

  static void follow(Group& g, Norm& n) {
    g.followers.push_back({&n.weight, Follower::Affine, 1, 0, n.name + ".weight"});
    g.followers.push_back({&n.bias, Follower::Affine});
    g.followers.push_back({&n.alive, Follower::Support});
  }

  /// The residual stream of one stage: what writes it and what reads it.
  Group stream(size_t stage) {
    const auto begin = static_cast<size_t>(stage_begin_[stage]);
    const auto end = static_cast<size_t>(stage_begin_[stage + 1]);
    const bool last = stage + 2 == stage_begin_.size();
    Group g{fmt::format("stage{}", stage + 1), "channel", static_cast<int64_t>(begin),
            static_cast<int64_t>(last ? end - 1 : end)};
    std::vector<Slice> writers;
    const auto write = [&](Layer& l) {
      writers.push_back({&l, Slice::Out});
      g.followers.push_back({&l.bias, Follower::Zeroed});
      if (g.units == 0) g.units = l.rows();
    };
    if (stage == 0) {
      for (auto& f : stem_.followers()) g.followers.push_back(std::move(f));
      follow(g, stem_norm_);
      g.units = stem_.conv.rows();
    }
    for (auto i = begin; i < end; ++i) {
      auto& b = blocks_[i];
      if (b.between()) {
        write(b.down);
        continue;
      }
      b.depth.follow(g);
      follow(g, b.norm);
      g.slices.push_back({&b.in, Slice::In});
      write(b.out);
      if (b.scale.defined()) g.followers.push_back({&b.scale, Follower::Plain});  // no weight
    }
    if (last) {
      follow(g, last_norm_);
      g.followers.push_back({&head_.weight, Follower::Affine, 1, 1, head_.weight_name()});
    } else {
      auto& next = blocks_[end];
      follow(g, next.norm);
      g.slices.push_back({&next.down, Slice::In, next.down.columns_per_channel()});
    }
    g.slices.insert(g.slices.end(), writers.begin(), writers.end());
    return g;
  }

  Patches stem_;
  Norm stem_norm_, last_norm_;
  Layer head_;
  ImageScale scale_;
  Activation act_ = nullptr;
  double inner_eps_ = kEps;
  std::vector<Block> blocks_;         // blocks and what stands between stages
  std::vector<int64_t> stage_begin_;  // of each stage, and the end
};

std::unique_ptr<Model> make(const Checkpoint& c) {
  const auto library = c.tensors.contains("stem.0.weight")         ? Library::Timm
                       : c.tensors.contains("features.0.0.weight") ? Library::Torchvision
                                                                   : Library::Transformers;
  LibraryCheckpoint from(c, library);
  return build_from<ConvNext>(c, from);
}

[[maybe_unused]] const bool registered =
    enroll_model("convnext", {make, {"neuron", "channel"}, true, {}, false, true});

}  // namespace
}  // namespace bench
