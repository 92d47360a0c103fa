#pragma once
#include "tiny.h"

namespace bench::test {

/// Small networks of images with random weights, made in memory. Names: resnet (option A), resnet_b
/// (mmcls), resnet_lth (open_lth), bottleneck, vgg, vgg_plain, lenet, mobilenet_v1, mobilenet_v2,
/// mobilenet_v2_cifar, detector.
class TinyVision : public TinyCheckpoint {
 public:
  explicit TinyVision(const std::string& family) {
    c_.folder = "tiny-" + family;
    c_.config = {{"model_type", "resnet_cifar"}};
    if (family == "resnet") resnet("", "linear", false);
    if (family == "resnet_b") resnet("backbone.", "head.fc", true);
    if (family == "resnet_lth") lth();
    if (family == "bottleneck") bottleneck();
    if (family == "vgg" || family == "vgg_plain") vgg(family == "vgg");
    if (family == "lenet") lenet();
    if (family == "mobilenet_v1") mobilenet_v1();
    if (family == "mobilenet_v2") mobilenet_v2();
    if (family == "mobilenet_v2_cifar") mobilenet_v2_cifar();
    if (family == "detector") detector();
    c_.type_ = c_.config["model_type"];
  }

 private:
  void tensor(const std::string& name, at::IntArrayRef shape, double middle = 0,
              double spread = 1) {
    fill(name, shape, middle, spread);
  }
  void norm(const std::string& name, int64_t n) {
    tensor(name + ".weight", {n}, 1);
    tensor(name + ".bias", {n});
    tensor(name + ".running_mean", {n});
    tensor(name + ".running_var", {n}, 1);
  }
  void conv(const std::string& name, int64_t out, int64_t in, int64_t k, bool bias = false) {
    const double spread = 3 / std::sqrt(static_cast<double>(in * k * k));
    tensor(name + ".weight", {out, in, k, k}, 0, spread);
    if (bias) tensor(name + ".bias", {out});
  }
  void linear(const std::string& name, int64_t out, int64_t in) {
    tensor(name + ".weight", {out, in});
    tensor(name + ".bias", {out});
  }
  void both(const std::string& c, const std::string& n, int64_t out, int64_t in, int64_t k) {
    conv(c, out, in, k);
    norm(n, out);
  }

  void detector() {
    c_.config["model_type"] = "resnet_detector";
    backbone("", true);
    both("detect.conv1", "detect.bn1", 12, 16, 3);
    conv("detect.conv2", 6, 12, 3, true);
    conv("detect.cls", 3, 6, 3, true);
    conv("detect.box", 4, 6, 3, true);
  }
  void resnet(const std::string& at, const std::string& fc, bool down) {
    backbone(at, down);
    linear(fc, 10, 16);
  }
  void backbone(const std::string& at, bool down) {
    both(at + "conv1", at + "bn1", 4, 3, 3);
    for (int64_t s = 0; s < 3; ++s)
      for (int64_t i = 0; i < 2; ++i) {
        const auto b = fmt::format("{}layer{}.{}.", at, s + 1, i);
        const int64_t out = 4 << s, in = i == 0 && s > 0 ? out / 2 : out;
        both(b + "conv1", b + "bn1", out, in, 3);
        both(b + "conv2", b + "bn2", out, out, 3);
        if (down && in != out) both(b + "downsample.0", b + "downsample.1", out, in, 1);
      }
  }
  void lth() {
    both("conv", "bn", 4, 3, 3);
    for (int64_t i = 0; i < 4; ++i) {
      const auto b = fmt::format("blocks.{}.", i);
      const int64_t out = i < 2 ? 4 : 8, in = i < 3 ? 4 : 8;
      both(b + "conv1", b + "bn1", out, in, 3);
      both(b + "conv2", b + "bn2", out, out, 3);
      if (i == 2) both(b + "shortcut.0", b + "shortcut.1", out, in, 1);
    }
    linear("fc", 10, 8);
  }
  void bottleneck() {
    c_.config["model_type"] = "resnet";
    both("conv1", "bn1", 4, 3, 7);
    int64_t in = 4;
    for (int64_t s = 0; s < 4; ++s)
      for (int64_t i = 0; i < 2; ++i) {
        const auto b = fmt::format("layer{}.{}.", s + 1, i);
        const int64_t width = 2 << s, out = 4 * width;
        both(b + "conv1", b + "bn1", width, in, 1);
        both(b + "conv2", b + "bn2", width, width, 3);
        both(b + "conv3", b + "bn3", out, width, 1);
        if (i == 0) both(b + "downsample.0", b + "downsample.1", out, in, 1);
        in = out;
      }
    linear("fc", 10, in);
  }
  void vgg(bool norms) {
    c_.config["model_type"] = "vgg";
    const int64_t widths[] = {4, 6, 8, 10, 16};
    int64_t at = 0, in = 3;
    for (const auto out : widths)
      for (int64_t i = 0; i < 2; ++i) {
        conv(fmt::format("features.{}", at), out, in, 3, true);
        if (norms) norm(fmt::format("features.{}", at + 1), out);
        at += norms ? 3 : 2;
        if (i == 1) ++at;  // the pool
        in = out;
      }
    linear("classifier.0", 16, in);
    linear("classifier.3", 10, 16);
  }
  void lenet() {
    c_.config["model_type"] = "lenet";
    conv("conv1", 6, 3, 5, true);
    conv("conv2", 8, 6, 5, true);
    linear("fc1", 32, 8 * 25);
    linear("fc2", 16, 32);
    linear("fc3", 10, 16);
  }
  void mobilenet_v1() {
    c_.config.update({{"model_type", "mobilenet_v1"}, {"strides", {1, 1, 2, 1}}});
    both("conv1", "bn1", 4, 3, 3);
    const int64_t widths[] = {6, 8, 8};
    int64_t in = 4;
    for (int64_t i = 0; i < 3; ++i) {
      const auto b = fmt::format("layers.{}.", i);
      both(b + "conv1", b + "bn1", in, 1, 3);
      both(b + "conv2", b + "bn2", widths[i], in, 1);
      in = widths[i];
    }
    linear("linear", 10, in);
  }
  void mobilenet_v2() {
    c_.config.update({{"model_type", "mobilenet_v2"}, {"strides", {1, 1, 2, 1, 1}}});
    both("features.0.0", "features.0.1", 4, 3, 3);
    const int64_t widths[] = {4, 6, 6, 8};
    int64_t in = 4;
    for (int64_t i = 0; i < 4; ++i) {
      const auto b = fmt::format("features.{}.conv.", i + 1);
      const int64_t inner = i == 0 ? in : 2 * in;
      const int k = i == 0 ? 0 : 1;
      if (i > 0) both(b + "0.0", b + "0.1", inner, in, 1);
      both(fmt::format("{}{}.0", b, k), fmt::format("{}{}.1", b, k), inner, 1, 3);
      both(fmt::format("{}{}", b, k + 1), fmt::format("{}{}", b, k + 2), widths[i], inner, 1);
      in = widths[i];
    }
    both("features.5.0", "features.5.1", 12, in, 1);
    linear("classifier.1", 10, 12);
  }
  void mobilenet_v2_cifar() {
    c_.config.update({{"model_type", "mobilenet_v2"}, {"strides", {1, 1, 1, 2}}});
    both("conv1", "bn1", 4, 3, 3);
    const int64_t widths[] = {6, 6, 8};
    int64_t in = 4;
    for (int64_t i = 0; i < 3; ++i) {
      const auto b = fmt::format("layers.{}.", i);
      both(b + "conv1", b + "bn1", 2 * in, in, 1);
      both(b + "conv2", b + "bn2", 2 * in, 1, 3);
      both(b + "conv3", b + "bn3", widths[i], 2 * in, 1);
      if (i == 0) both(b + "shortcut.0", b + "shortcut.1", widths[i], in, 1);
      in = widths[i];
    }
    both("conv2", "bn2", 12, in, 1);
    linear("linear", 10, 12);
  }
};

inline std::unique_ptr<Model> tiny_vision(const std::string& family) {
  return build_model(TinyVision(family).make());
}

}  // namespace bench::test
