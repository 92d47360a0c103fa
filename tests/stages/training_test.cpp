// Training, rewinding, recalibration, sparse training, the pruning loop: small networks, few steps.
#include "measure/statistics.h"
#include "stages/trained.h"
#include "walk/sparsity.h"

using namespace bench;
using namespace bench::test;

TEST_CASE("training: the loss falls, the same bits twice, others for another seed", "[training]") {
  const auto m = method_of("magnitude", "uniform", false);
  std::string bits;
  for (const int64_t seed : {0, 0, 1}) {
    Bench b;
    const double before = b.loss_now();
    auto s = few(30);
    s.push_back({"seed", Value(seed)});
    b.run(*stage("train", s), m);
    CHECK(b.loss_now() < before);
    CHECK(b.said["steps"] == 30);
    if (seed == 0 && !bits.empty()) CHECK(all_bits(*b.model) == bits);
    if (seed == 1) CHECK(all_bits(*b.model) != bits);
    bits = all_bits(*b.model);
  }
}

TEST_CASE("training: one step of SGD and of AdamW by hand", "[training]") {
  const auto m = method_of("magnitude", "uniform", false);
  for (const std::string how : {"sgd", "adamw"}) {
    Bench b("vgg_plain");
    auto s = few(1, 64);
    s.push_back({"optimizer", how});
    s.push_back({"weight_decay", 0.01});
    s.push_back({"crop", Value(int64_t{0})});
    s.push_back({"flip", false});
    Layer& l = *b.model->layers().back();
    const auto before = l.weight;
    Calibration data;
    data.batches = {read_cifar((root() / "data/vision/cifar10_train2000.bin").string(), 0, 64)};
    const auto g =
        collect({*b.model, {0, 1}, data, b.model->layers()}, {need<MeanGradient>()}, Pass::Global)
            ->get<MeanGradient>(l)
            .mean;
    b.run(*stage("train", s), m);
    const auto by_hand = how == "sgd" ? before - (g + before * 0.01) * 0.05
                                      : before * (1 - 0.05 * 0.01) - 0.05 * g / (g.abs() + 1e-8);
    CHECK(at::allclose(l.weight, by_hand, 1e-3, 1e-5));
  }
}

TEST_CASE("training: killed at any step and taken up again, the same bits", "[training]") {
  struct Killed {};
  const TempDir dir;
  for (const std::string name : {"train", "gmp", "rigl", "prune_loop"}) {
    const bool loop = name == "prune_loop";
    const auto m = loop ? method_of("l1_filter", "global", true)
                        : method_of(name == "rigl" ? "random" : "magnitude", "erk", false);
    auto s = few(12);
    s.push_back({"save_every", Value(int64_t{1})});
    if (loop) s.push_back({"interval", Value(int64_t{2})});
    if (name == "gmp" || name == "rigl") s.push_back({"every", Value(int64_t{3})});
    if (name == "train") s.push_back({"keep_at", Value(int64_t{2})});
    Bench whole;
    whole.run(*stage(name, s), m, loop ? 0.9 : 0.5);
    for (const int64_t at : {1, 5, 11}) {
      CAPTURE(name, at);
      Bench b;
      b.state = (dir.path / (name + std::to_string(at))).string();
      try {
        b.run(*stage(name, s), m, loop ? 0.9 : 0.5, [&](int64_t done, int64_t) {
          if (done == at + 1) throw Killed();
        });
      } catch (const Killed&) {
      }
      REQUIRE(std::filesystem::exists(b.state));
      Bench again;
      again.state = b.state;
      int64_t first = 0;
      again.run(*stage(name, s), m, loop ? 0.9 : 0.5,
                [&](int64_t done, int64_t) { first = first ? first : done; });
      CHECK(first > 1);  // it did not begin anew
      CHECK(all_bits(*again.model) == all_bits(*whole.model));
      CHECK(!std::filesystem::exists(b.state));
      if (name == "train") CHECK(again.kept.count("early") == 1);
      CHECK(again.said == whole.said);
    }
  }
}

TEST_CASE("training: what is gone stays zero; rewinding keeps masks", "[training]") {
  const auto m = method_of("magnitude", "global", false);
  Bench b;
  Calibration none;
  {
    at::NoGradGuard no_grad;
    prune(*b.model, m, 0.5, none);
  }
  const auto masks = mask_hash(*b.model);
  b.run(*stage("train", few(5)), m);
  CHECK(mask_hash(*b.model) == masks);
  for (const Layer* l : b.model->layers())
    CHECK(!l->matrix().masked_select(~l->mask).any().item<bool>());
  b.run(*stage("rewind", {}), m);
  CHECK(mask_hash(*b.model) == masks);
  const auto dense = tiny_vision("resnet_b");
  const auto layers = b.model->layers(), before = dense->layers();
  for (size_t i = 0; i < layers.size(); ++i)
    CHECK(layers[i]->matrix().equal(before[i]->matrix().masked_fill(~layers[i]->mask, 0)));
  CHECK(contains(error_of([&] {
                   b.run(*stage("rewind", {{"to", Value("early")}}), m);
                 }),
                 "kept 'early'"));
}

TEST_CASE("training: recalibrated statistics are the plain mean over the batches", "[training]") {
  Bench b;
  const auto m = method_of("magnitude", "uniform", false);
  Value::Map s{{"file", (root() / "data/vision/cifar10_train2000.bin").string()},
               {"images", Value(int64_t{48})},
               {"batch", Value(int64_t{16})}};
  b.run(*stage("bn_recalibrate", s), m);
  const auto all = read_cifar((root() / "data/vision/cifar10_train2000.bin").string(), 0, 48);
  at::NoGradGuard no_grad;
  auto mean = at::zeros({4});
  Layer* first = b.model->layers().front();
  for (int64_t i = 0; i < 3; ++i) {
    Batch part;
    part.images = all.images.narrow(0, 16 * i, 16);
    mean += (*first)(b.model->stem(part)).mean({0, 2, 3}) / 3;
  }
  for (const auto& t : b.model->tensors())
    if (t.name == "backbone.bn1.running_mean") CHECK(at::allclose(*t.tensor, mean, 1e-5, 1e-6));
}

TEST_CASE("sparse training: counts of layers hold while masks move", "[training]") {
  for (const std::string name : {"rigl", "set"}) {
    CAPTURE(name);
    const auto m = method_of("random", "erk", false);
    auto s = few(8);
    s.push_back({"every", Value(int64_t{2})});
    Bench b;
    b.run(*stage(name, s), m, 0.8);
    Bench start;
    Calibration none;
    {
      at::NoGradGuard no_grad;
      prune(*start.model, m, 0.8, none);
    }
    const auto now = b.model->layers(), before = start.model->layers();
    int64_t moved = 0;
    for (size_t i = 0; i < now.size(); ++i) {
      CHECK(now[i]->mask.sum().equal(before[i]->mask.sum()));
      moved += (now[i]->mask != before[i]->mask).sum().item<int64_t>();
    }
    CHECK(moved > 0);
  }
}

TEST_CASE("gmp ends at the target", "[training]") {
  const auto m = method_of("magnitude", "global", false);
  auto s = few(8);
  s.push_back({"every", Value(int64_t{3})});
  Bench b;
  b.run(*stage("gmp", s), m, 0.7);
  const auto found = measure_sparsity(*b.model);
  CHECK(found.linear_masked() == removed_weights(found.linear_total(), 0.7));
}

TEST_CASE("prune_loop: one unit at a decision, until the cost is reached", "[training]") {
  for (const std::string criterion : {"ifso", "group_fisher", "l1_filter"})
    for (const bool soft : {false, true}) {
      CAPTURE(criterion, soft);
      const auto m = method_of(criterion, "global", true);
      auto s = few(400, 8);
      s.push_back({"interval", Value(int64_t{1})});
      s.push_back({"score_batches", Value(int64_t{1})});
      s.push_back({"soft_masks", soft});
      s.push_back({"moves_norms", soft});
      s.push_back({"lr", 0.001});
      Bench b;
      const auto images = tiny_images(4).batches.front();
      const auto positions = output_positions(*b.model, images);
      const double full = static_cast<double>(cost_of(*b.model, positions).macs);
      b.run(*stage("prune_loop", s), m, 0.3);
      const double left = static_cast<double>(cost_of(*b.model, positions).macs) / full;
      CHECK(left <= 0.7);
      CHECK(left > 0.5);  // one unit of a stream may be a tenth of the whole
      CHECK(std::abs(b.said["left"] - left) < 1e-12);
      CHECK(b.said["steps"] == b.said["units_gone"]);
      for (const Layer* l : b.model->layers()) {
        CHECK(!l->gate.defined());
        if (l->mask.defined()) CHECK(!l->matrix().masked_select(~l->mask).any().item<bool>());
      }
      // The trial's own pruning behind it finds nothing more to do, and shrinking is exact.
      Calibration data;
      data.batches = {images};
      at::NoGradGuard no_grad;
      const auto before = measure_sparsity(*b.model).linear_masked();
      const auto removed = prune(*b.model, m, 0.3, data);
      CHECK(measure_sparsity(*b.model).linear_masked() == before);
      const auto masked = b.model->forward(images);
      for (const auto& r : removed) shrink(r.group, r.keep);
      const auto shrunk = b.model->forward(images);
      CHECK((masked - shrunk).abs().max().item<double>() <=
            1e-5 * masked.abs().max().item<double>());
    }
}
