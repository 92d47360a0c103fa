// Heads and their channels: a channel of all heads as a unit, and Isomorphic pruning's two
// rankings.
#include "criteria/by_hand.h"
#include "models/hub_folder.h"
#include "walk/pruner.h"

using namespace bench;
using namespace bench::test;

namespace {

Batch some_images() {
  return read_cifar((root() / "data/vision/cifar10_test932.bin").string(), 0, 8);
}

Method isomorphic(std::vector<std::string> groups, Value::Map settings) {
  Method m;
  m.criterion = criterion("group_norm");
  m.allocator = named<Allocator>("allocator", "isomorphic", Value{std::move(settings)});
  m.pattern.kind = Pattern::Structured;
  m.pattern.groups = std::move(groups);
  m.propagation = Propagation::Dense;
  return m;
}

int64_t gone_of(const std::vector<Removed>& removed, const std::string& kind) {
  int64_t n = 0;
  for (const auto& r : removed)
    if (r.group.kind == kind) n += (~r.keep).sum().item<int64_t>();
  return n;
}

}  // namespace

TEST_CASE("head_dim: a channel of all heads that is masked and one that is cut are the same",
          "[criteria][vision]") {
  for (const std::string name : {"family-vit", "family-timm-deit-distilled"}) {
    if (!std::filesystem::exists(root() / "data/families" / name.substr(7))) continue;
    CAPTURE(name);
    auto& s = shipped(name);
    at::NoGradGuard no_grad;
    const auto run = [&] { return s.model->forward(some_images()); };
    const auto dense = run();
    const auto groups = s.model->groups("head_dim");
    REQUIRE(!groups.empty());
    for (const auto& g : groups) {
      auto keep = at::ones({g.units}, at::kBool);
      keep[0] = false;
      keep[g.units / 2] = false;
      cut_as_masked(g, keep, run);
    }
    CHECK((run() - dense).abs().max().item<double>() > 1e-4);
    for (const auto& g : s.model->groups("head_dim")) CHECK(g.units == groups.front().units - 2);
    for (const auto& g : s.model->groups("head")) CHECK(g.unit_width == groups.front().units - 2);
  }
  CHECK(shipped("tiny-llama").model->groups("head_dim").empty());

  // No model of transformers has such heads; a compact folder does.
  auto& s = shipped("family-vit");
  CHECK_NOTHROW(hub_config(*s.model, s.checkpoint));
  for (const auto& g : s.model->groups("head_dim")) shrink(g, at::arange(g.units) > 1);
  CHECK(contains(error_of([&] { hub_config(*s.model, s.checkpoint); }), "channels of a head"));
  at::NoGradGuard no_grad;
  const TempDir dir;
  write_hub_folder(*s.model, s.checkpoint, true, dir.path / "compact");
  const auto again = build_model(read_checkpoint(dir.path / "compact"));
  CHECK(again->forward(some_images()).equal(s.model->forward(some_images())));
}

TEST_CASE("isomorphic: heads go by a ranking of their own, beside the channels of all heads",
          "[criteria]") {
  auto& s = shipped("family-vit");
  const auto heads = s.model->groups("head");
  int64_t all = 0;
  for (const auto& g : heads) all += g.units;
  Calibration none;
  at::NoGradGuard no_grad;
  // Named in whichever order.
  const auto m = isomorphic({"head_dim", "hidden", "head", "neuron"}, {{"heads", Value(0.25)}});
  const auto removed = prune(*s.model, m, 0.5, none);
  CHECK(gone_of(removed, "head") == all - int64_t(double(all) * 0.75));
  int64_t channels = 0;
  for (const auto& g : s.model->groups("head_dim")) channels += g.units;
  CHECK(gone_of(removed, "head_dim") == channels - channels / 2);
  const auto masked = s.model->forward(some_images());
  for (const auto& r : removed) shrink(r.group, r.keep);
  const auto shrunk = s.model->forward(some_images());
  CHECK((masked - shrunk).abs().max().item<double>() <= 1e-5 * masked.abs().max().item<double>());
  s.dense->restore(*s.model);
  CHECK(s.model->groups("head_dim").front().units == s.model->groups("head").front().unit_width);
}

TEST_CASE("isomorphic: what stays is a multiple; a group that would go as a whole stays",
          "[criteria]") {
  const auto part = [](const std::string& name, int64_t units, const std::string& kind) {
    return units_part(name, units, 1, 4, kind);
  };
  const std::vector<Part> parts{part("a", 6, "neuron"), part("b", 6, "neuron")};
  const std::vector<Tensor> scores{at::tensor({1., 2., 3., 4., 5., 6.}),
                                   at::tensor({7., 8., 9., 10., 11., 12.})};
  const auto of = [&](Value::Map settings, double target) {
    return shares(*Registry<Allocator>::instance().create("isomorphic", Value{std::move(settings)}),
                  parts, target, scores);
  };
  CHECK(of({}, 0.25)[0].count == 3);
  CHECK(of({{"round_to", Value(int64_t{2})}}, 0.25)[0].count == 4);  // 3 of 6 would stay: 2 do
  const auto half = of({}, 0.5);                                     // all of the first would go
  CHECK(half[0].count == 0);
  CHECK(half[1].count == 0);
  CHECK(contains(error_of([&] { of({{"heads", Value(-0.5)}}, 0.5); }), "heads"));
  Method m = isomorphic({"head", "head_dim"}, {});
  m.pattern.budget = "macs";
  const auto mistakes = m.mistakes(Input::Images, "vit");
  REQUIRE(!mistakes.empty());
  CHECK(contains(mistakes.front(), "overlap"));
}
