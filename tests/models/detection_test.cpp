// The detector: groups that reach into its head, its loss by hand, decoding, drawn pictures.
#include "core/detection.h"

#include <cmath>

#include "measure/cost.h"
#include "measure/statistics.h"
#include "fixture.h"
#include "data/shapes.h"
#include "tiny_vision.h"

using namespace bench;
using namespace bench::test;

namespace {

Batch pictures(int64_t n = 6) {
  return draw_shapes(ShapesAddress::parse("shapes:seed=3,count=8,size=32"), 0, n);
}

/// Logits of one image on a 2 x 2 grid, two classes: all -10, distances 0 (one cell).
Tensor quiet_logits() {
  auto x = at::full({1, 6, 2, 2}, -10.0);
  x.narrow(1, 2, 4).zero_();
  return x;
}

std::vector<std::string> names(const std::vector<Slice>& all, Slice::Dim dim) {
  std::vector<std::string> found;
  for (const auto& s : all)
    if (s.dim == dim) found.push_back(s.layer->name);
  return found;
}

}  // namespace

TEST_CASE("detector: coupled groups reach into the head, whose last layers are convolutions",
          "[detection]") {
  const auto model = tiny_vision("detector");
  at::NoGradGuard no_grad;
  const auto batch = pictures();
  CHECK(model->forward(batch).sizes() == at::IntArrayRef({6, 7, 8, 8}));
  CHECK(model->layers().back()->is_conv());
  std::map<std::string, Group> groups;
  for (auto& g : model->groups("channel")) groups.emplace(g.name, g);
  using Names = std::vector<std::string>;
  CHECK(names(groups.at("stage3").slices, Slice::In) == Names{"layer3.1.conv1", "detect.conv1"});
  CHECK(names(groups.at("detect.conv1").slices, Slice::In) == Names{"detect.conv2"});
  CHECK(names(groups.at("detect.conv2").slices, Slice::In) == Names{"detect.cls", "detect.box"});
  CHECK(names(groups.at("detect.conv2").slices, Slice::Out) == Names{"detect.conv2"});
}

TEST_CASE("detector: a masked one and the shrunk one are the same function", "[detection]") {
  const auto model = tiny_vision("detector");
  at::NoGradGuard no_grad;
  const auto batch = pictures();
  for (auto& g : model->groups("channel")) {
    CAPTURE(g.name);
    auto keep = at::ones({g.units}, at::kBool);
    keep.narrow(0, 0, g.units / 2).fill_(false);
    mask_group(g, keep);
    const auto masked = model->forward(batch);
    shrink(g, keep);
    CHECK((model->forward(batch) - masked).abs().max().item<double>() <=
          1e-5 * masked.abs().max().item<double>());
  }
  CHECK(model->forward(batch).sizes() == at::IntArrayRef({6, 7, 8, 8}));
}

TEST_CASE("detector: criteria rank its channels, and pruning cuts its cost", "[detection]") {
  for (const std::string name : {"ifso", "l1_filter", "group_fisher", "taylor_gate"}) {
    CAPTURE(name);
    const auto model = tiny_vision("detector");
    Method m;
    m.criterion = Registry<Criterion>::instance().create(name);
    m.allocator = Registry<Allocator>::instance().create("global");
    m.propagation = Propagation::Dense;
    m.pattern.kind = Pattern::Structured;
    m.pattern.groups = {"channel"};
    m.pattern.budget = "macs";
    Calibration data;
    data.batches = {pictures(4)};
    at::NoGradGuard no_grad;
    const auto positions = output_positions(*model, data.batches.front());
    const double full = static_cast<double>(cost_of(*model, positions).macs);
    const auto removed = prune(*model, m, 0.4, data);
    CHECK(static_cast<double>(cost_of(*model, positions).macs) / full < 0.66);
    const auto masked = model->forward(data.batches.front());
    for (const auto& r : removed) shrink(r.group, r.keep);
    CHECK((model->forward(data.batches.front()) - masked).abs().max().item<double>() <=
          1e-5 * masked.abs().max().item<double>());
  }
}

TEST_CASE("detection loss: cells and terms by hand", "[detection]") {
  // One box of class 1 from (4, 4) to (12, 12) of 16 x 16: cells of 8 pixels with middles at 4 and
  // 12. All four middles are within half a cell of the box's middle (8, 8).
  const auto box = at::tensor({1.0, 4.0, 4.0, 12.0, 12.0}).reshape({1, 1, 5});
  const double e = std::log1p(std::exp(-10.0)), p = 1 / (1 + std::exp(10.0));
  const auto focal = [](double entropy, double miss, bool there) {
    return entropy * miss * miss * (there ? 0.25 : 0.75);
  };
  // Each cell: class 0 is rightly denied, class 1 wrongly. Distances: 0 (log of at least 0.25) on
  // two sides, 8 pixels, one cell, on the other two: logarithms log 0.25 and 0; predicted 0.
  const double far = -std::log(0.25) - 0.05;
  const double cell = focal(e, p, false) + focal(10 + e, 1 - p, true) + 2 * far;
  CHECK(std::abs(detection_loss(quiet_logits(), box, 16, 16).item<double>() - cell) < 1e-5);
  // No box: all cells deny both classes; the sum is not divided.
  const auto none = at::tensor({-1.0, 0.0, 0.0, 0.0, 0.0}).reshape({1, 1, 5});
  CHECK(std::abs(detection_loss(at::zeros({1, 6, 2, 2}), none, 16, 16).item<double>() -
                 8 * focal(std::log(2), 0.5, false)) < 1e-5);
  // The mean over images, whatever else is in the batch; of two boxes a cell has the smaller one.
  const auto two =
      detection_loss(quiet_logits().repeat({2, 1, 1, 1}), at::cat({box, none}), 16, 16);
  CHECK(std::abs(two.item<double>() - (cell + 8 * focal(e, p, false)) / 2) < 1e-5);
  const auto larger = at::tensor({0.0, 0.0, 0.0, 16.0, 16.0}).reshape({1, 1, 5});
  CHECK(detection_loss(quiet_logits(), at::cat({larger, box}, 1), 16, 16)
            .equal(detection_loss(quiet_logits(), box, 16, 16)));
}

TEST_CASE("detection: what goes wrong is a sentence", "[detection]") {
  const auto model = tiny_vision("detector"), classes = tiny_vision("resnet_b");
  const auto boxes = pictures(2), labels = tiny_images(2).batches.front();
  CHECK(contains(error_of([&] { loss(*model, labels); }), "do not go together"));
  CHECK(contains(error_of([&] { loss(*classes, boxes); }), "do not go together"));
  auto many = boxes;
  many.labels = boxes.labels.clone();
  many.labels.select(2, 0).fill_(7);
  CHECK(contains(error_of([&] { loss(*model, many); }), "boxes of class 7"));
  for (const std::string bad : {"shapes:", "shapes:count=0", "shapes:count=5,size=4", "shapes:n=5",
                                "shapes:count=-5", "shapes:count=5x"})
    CHECK(contains(error_of([&] { ShapesAddress::parse(bad); }), bad));
}

TEST_CASE("detections: decoded, suppressed, ordered", "[detection]") {
  auto x = quiet_logits()[0];
  x[0][0][0] = 2, x[0][0][1] = 1, x[1][1][1] = 3;
  x[4][0][0] = std::log(2.0);  // right: two cells of 8 pixels
  x[2][0][1] = std::log(2.0);  // left: the same box as far as the image goes
  const auto found = detections(x, 16, 16, {});
  REQUIRE(found.size() == 2);
  CHECK(found[0].label == 1);
  CHECK(std::abs(found[0].score - 1 / (1 + std::exp(-3.0))) < 1e-6);
  CHECK(found[0].box.x0 == 4);
  CHECK(found[0].box.x1 == 16);  // 12 + 8, cut at the image
  CHECK(found[1].label == 0);
  CHECK(found[1].box.x0 == 0);
  CHECK(std::abs(found[1].box.x1 - 16) < 1e-4);  // 4 + 16, cut
  CHECK(detections(x, 16, 16, {0.05, 1.0, 100}).size() == 3);
  CHECK(detections(x, 16, 16, {0.05, 1.0, 1}).size() == 1);
  CHECK(overlap({0, 0, 2, 2}, {1, 0, 3, 2}) == 2.0 / 6);
  CHECK(overlap({0, 0, 1, 1}, {1, 1, 2, 2}) == 0);
}

TEST_CASE("drawn pictures: any part alone, boxes around what is drawn", "[detection]") {
  const auto set = ShapesAddress::parse("shapes:seed=3,count=8,size=32");
  const auto all = draw_shapes(set, 0, 0), part = draw_shapes(set, 5, 2);
  CHECK(all.images.narrow(0, 5, 2).equal(part.images));
  CHECK(all.labels.narrow(0, 5, 2).equal(part.labels));
  CHECK(!draw_shapes(ShapesAddress::parse("shapes:seed=4,count=8,size=32"), 0, 0)
             .images.equal(all.images));
  CHECK(all.images.min().item<double>() >= 0);
  CHECK(all.images.max().item<double>() <= 255);
  const auto kinds = all.labels.select(2, 0);
  CHECK(kinds.select(1, 0).min().item<double>() >= 0);  // every picture has an object
  CHECK(kinds.max().item<double>() <= 2);
  for (int64_t i = 0; i < 8; ++i)
    for (int64_t k = 0; k < 3; ++k) {
      const auto b = all.labels[i][k];
      if (b[0].item<double>() < 0) continue;
      CHECK(b[1].item<double>() >= 0);
      CHECK(b[4].item<double>() <= 32);
      // The object's middle has another colour than the pixel just outside its box's corner.
      CHECK(b[3].item<double>() - b[1].item<double>() > 5);
    }
  CHECK(contains(error_of([&] { draw_shapes(set, 5, 4); }), "there are 8"));
}
