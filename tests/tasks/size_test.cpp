// Sizes counted by hand.
#include "core/task.h"
#include "fixture.h"

using namespace bench;
using namespace bench::test;

namespace {

double counted(Model& model, const std::string& name, Value::Map settings = {}) {
  const auto task = Registry<Task>::instance().create("size", Value{std::move(settings)});
  const TaskContext context{model, {}, {}, {}};
  for (const auto& m : task->run(context))
    if (m.name == name) return m.value;
  FAIL("size has no " << name);
  return 0;
}

}  // namespace

TEST_CASE("multiply-accumulates of a sequence: layers, head, attention", "[tasks]") {
  auto& s = shipped("stories260k");
  // A block: q, o 64 x 64; k, v 32 x 64; gate, up, down 172 x 64. Five of them, a head of 512 x 64.
  const double each = 5 * (2 * 64 * 64 + 2 * 32 * 64 + 3 * 172 * 64) + 512 * 64;
  const auto macs = [&](double t) { return t * each + 5 * 2 * 64 * t * t; };
  CHECK(counted(*s.model, "macs") == macs(64));
  CHECK(counted(*s.model, "macs", {{"length", Value(int64_t{128})}}) == macs(128));
  CHECK(counted(*s.model, "prunable") == each - 512 * 64);
  // Half of the key/value heads go: with each two query heads and their pairs of tokens.
  const Snapshot before(*s.model);
  const auto keep = at::tensor({1, 0, 1, 0}).to(at::kBool);
  for (const auto& g : s.model->groups("head")) shrink(g, keep);
  const double less = 5 * (2 * 32 * 64 + 2 * 16 * 64 + 3 * 172 * 64) + 512 * 64;
  CHECK(counted(*s.model, "macs") == 64 * less + 5 * 2 * 32 * 64 * 64);
  before.restore(*s.model);
}

TEST_CASE("multiply-accumulates of an image: ResNet-20 has 40.55 million", "[tasks]") {
  auto& s = shipped("resnet20");
  const double stage = 16 * 16 * 9 * 1024;  // of a convolution that keeps its size, in each stage
  CHECK(counted(*s.model, "macs") == 3 * 16 * 9 * 1024 + 16 * stage + 2 * stage / 2 + 64 * 10);
  CHECK(counted(*s.model, "macs", {{"image", Value(int64_t{16})}}) ==
        (3 * 16 * 9 * 1024 + 16 * stage + 2 * stage / 2) / 4 + 64 * 10);
}

TEST_CASE("an image has the channels that the first convolution reads", "[tasks]") {
  auto& s = shipped("family-vit");
  double weights = 0;
  for (const Layer* l : s.model->layers()) weights += static_cast<double>(l->weight.numel());
  // Sixteen patches and the token of the class go through every linear layer of the blocks.
  CHECK(counted(*s.model, "macs") == 17 * weights);
}
