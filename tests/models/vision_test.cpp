// Networks of images: groups, masked = shrunk, costs, and what the released checkpoints classify.
#include "measure/cost.h"
#include "fixture.h"
#include "tiny_vision.h"

using namespace bench;
using namespace bench::test;

namespace {

const std::vector<std::string> kFamilies{
    "resnet",    "resnet_b", "resnet_lth",   "bottleneck",   "vgg",
    "vgg_plain", "lenet",    "mobilenet_v1", "mobilenet_v2", "mobilenet_v2_cifar"};

Batch some_images() {
  return read_cifar((root() / "data/vision/cifar10_test932.bin").string(), 0, 16);
}

Tensor forward(const Model& model) {
  at::NoGradGuard no_grad;
  return model.forward(some_images());
}

int64_t right(const std::filesystem::path& file) {
  const auto model = build_model(read_checkpoint(file));
  at::NoGradGuard no_grad;
  const auto all = read_cifar((root() / "data/vision/cifar10_test932.bin").string(), 0, 0);
  int64_t hits = 0;
  for (int64_t at = 0; at < all.images.size(0); at += 64) {
    Batch b;
    const auto n = std::min<int64_t>(64, all.images.size(0) - at);
    b.images = all.images.narrow(0, at, n);
    hits += (model->forward(b).argmax(1) == all.labels.narrow(0, at, n)).sum().item<int64_t>();
  }
  return hits;
}

}  // namespace

TEST_CASE("vision: a masked group and one that is cut away are the same function", "[vision]") {
  for (const auto& family : kFamilies) {
    const auto model = tiny_vision(family);
    const auto dense = forward(*model);
    REQUIRE(dense.size(1) == 10);
    size_t count = 0;
    for (auto& g : model->groups("channel")) {
      CAPTURE(family, g.name, g.units);
      REQUIRE(g.units >= 2);
      auto keep = at::ones({g.units}, at::kBool);
      keep[g.last % g.units] = false;
      mask_group(g, keep);
      CHECK((~g.gone()).equal(keep));
      cut_as_masked(g, keep, [&] { return forward(*model); });
      ++count;
    }
    CHECK(count >= 3);
    CHECK((forward(*model) - dense).abs().max().item<double>() > 1e-3);
  }
}

TEST_CASE("vision: every channel between the image and the classes is in one group", "[vision]") {
  for (const auto& family : kFamilies) {
    CAPTURE(family);
    const auto model = tiny_vision(family);
    std::map<const Layer*, int> read, written;
    for (const auto& g : model->groups("channel"))
      for (const auto& s : g.slices) ++(s.dim == Slice::In ? read : written)[s.layer];
    const auto layers = model->layers();
    for (size_t i = 0; i < layers.size(); ++i) {
      CAPTURE(layers[i]->name);
      CHECK(read[layers[i]] == (i == 0 ? 0 : 1));
      CHECK(written[layers[i]] == (i + 1 == layers.size() ? 0 : 1));
    }
  }
}

TEST_CASE("vision: the same bits alone and in a batch, with two threads", "[vision]") {
  for (const auto& family : kFamilies) {
    CAPTURE(family);
    const auto model = tiny_vision(family);
    at::NoGradGuard no_grad;
    const auto all = some_images();
    const auto together = model->forward(all);
    Batch one;
    one.images = all.images.narrow(0, 5, 1);
    CHECK(model->forward(one).equal(together.narrow(0, 5, 1)));
    at::set_num_threads(2);
    CHECK(model->forward(all).equal(together));
    at::set_num_threads(1);
  }
}

TEST_CASE("vision: masks and shrinking cost the same, budgets count them", "[vision]") {
  const auto model = tiny_vision("resnet_b");
  const auto images = some_images();
  auto positions = output_positions(*model, images);
  const auto full = cost_of(*model, positions);
  CHECK(full.acts == 32 * 32 * 4 * 5 + 16 * 16 * 8 * 5 + 8 * 8 * 16 * 5 + 10);
  auto groups = model->groups("channel");
  std::vector<int64_t> gone;
  for (const auto& g : groups) gone.push_back(g.units / 2);
  const auto planned = cost_without(*model, positions, groups, gone);
  for (size_t i = 0; i < groups.size(); ++i) {
    auto keep = at::ones({groups[i].units}, at::kBool);
    keep.narrow(0, 0, gone[i]).fill_(false);
    mask_group(groups[i], keep);
  }
  const auto masked = cost_of(*model, positions);
  CHECK(masked.macs == planned.macs);
  CHECK(masked.params == planned.params);
  CHECK(masked.acts == planned.acts);
  for (size_t i = 0; i < groups.size(); ++i) shrink(groups[i], ~groups[i].gone());
  const auto shrunk = cost_of(*model, output_positions(*model, images));
  CHECK(shrunk.macs == planned.macs);
  CHECK(shrunk.acts == planned.acts);
}

TEST_CASE("vision: the released ResNets classify as recorded", "[vision][shared]") {
  if (shared().empty()) {
    WARN("no shared folder: the released checkpoints are not tried");
    return;
  }
  const auto vision = shared() / "data/vision";
  CHECK(right(vision / "cifar10_resnet/resnet20-12fca82f.th") == 854);
  CHECK(right(vision / "cifar10_resnet/resnet32-d509ac18.th") == 867);
  CHECK(right(vision / "cifar10_resnet/resnet44-014dd654.th") == 871);
  CHECK(right(vision / "cifar10_resnet/resnet56-4bfd9763.th") == 863);
  const auto ifso = vision / "ifso_resnet32";
  CHECK(right(ifso / "01-resnet32-cifar10-fullnetwork-channel-16_epoch_181_93.51.pth") == 877);
  CHECK(right(ifso / "resnet32_finetune-flops-60_epoch_163_93.23.pth") == 875);
  CHECK(right(ifso / "resnet32_finetune-flops-50_epoch_147_93.00.pth") == 867);
}

TEST_CASE("vision: IFSO's ResNet-32 has the costs and widths of its paper trail",
          "[vision][shared]") {
  if (shared().empty()) {
    WARN("no shared folder: the released checkpoints are not tried");
    return;
  }
  const auto folder = shared() / "data/vision/ifso_resnet32";
  struct Case {
    const char* file;
    int64_t macs, params, acts, gone;
    std::vector<int64_t> widths;
  };
  const std::vector<Case> cases{{"01-resnet32-cifar10-fullnetwork-channel-16_epoch_181_93.51.pth",
                                 69124736,
                                 464432,
                                 315402,
                                 0,
                                 {}},
                                {"resnet32_finetune-flops-60_epoch_163_93.23.pth",
                                 41329280,
                                 313520,
                                 253258,
                                 194,
                                 {11, 12, 7, 6, 6, 32, 20, 17, 13, 9, 64, 61, 56, 30, 22}},
                                {"resnet32_finetune-flops-50_epoch_147_93.00.pth",
                                 34546304,
                                 268016,
                                 239306,
                                 247,
                                 {9, 11, 6, 7, 1, 32, 16, 14, 7, 7, 64, 60, 44, 19, 16}}};
  const auto dense_file = folder / cases.front().file;
  for (const auto& c : cases) {
    CAPTURE(c.file);
    const auto checkpoint = read_checkpoint(folder / c.file);
    const auto model = build_model(checkpoint);
    const auto cost = cost_of(*model, output_positions(*model, some_images()));
    CHECK(cost.macs == c.macs);
    CHECK(cost.params == c.params);
    CHECK(cost.acts == c.acts);
    std::vector<int64_t> widths;
    for (const auto& g : model->groups("channel"))
      if (g.name.ends_with("conv2")) widths.push_back(g.units);
    if (!c.widths.empty()) CHECK(widths == c.widths);
    // The full-size masks beside the shrunk weights, on the dense network.
    const auto dense = build_model(read_checkpoint(dense_file));
    int64_t gone = 0;
    for (auto& g : dense->groups("channel")) {
      const auto m = checkpoint.take_if("backbone." + g.name + ".in_mask");
      if (!m.defined() || !g.name.ends_with("conv2")) continue;
      const auto keep = m.flatten() > 0.5;
      gone += (~keep).sum().item<int64_t>();
      mask_group(g, keep);
    }
    CHECK(gone == c.gone);
    CHECK(cost_of(*dense, output_positions(*dense, some_images())).macs == c.macs);
  }
}

TEST_CASE("vision: the coupled groups of ResNet-32 are those of IFSO", "[vision][shared]") {
  if (shared().empty()) {
    WARN("no shared folder: the released checkpoints are not tried");
    return;
  }
  const auto model = build_model(
      read_checkpoint(shared() / "data/vision/ifso_resnet32" /
                      "01-resnet32-cifar10-fullnetwork-channel-16_epoch_181_93.51.pth"));
  std::map<std::string, std::pair<int, int>> members;  // readers, writers
  for (const auto& g : model->groups("channel")) {
    auto& [in, out] = members[g.name];
    for (const auto& s : g.slices) ++(s.dim == Slice::In ? in : out);
  }
  CHECK(members.size() == 18);
  CHECK(members["stage1"] == std::pair{7, 6});
  CHECK(members["stage2"] == std::pair{6, 6});
  CHECK(members["stage3"] == std::pair{5, 6});
}
