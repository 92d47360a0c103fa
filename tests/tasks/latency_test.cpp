// Speed is no fixed number; what is fixed is which figures there are and what 1.00 means.
#include "measure/cost.h"
#include "core/task.h"
#include "fixture.h"
#include "tiny_vision.h"

using namespace bench;
using namespace bench::test;

namespace {

std::map<std::string, Metric> measured(Model& model, const Checkpoint& dense, Value::Map settings) {
  for (const char* few : {"prefill", "decode"}) settings.push_back({few, Value(int64_t{4})});
  settings.push_back({"repeats", Value(int64_t{3})});
  TaskContext c{model, {}, {}, {}};
  c.dense = [&] { return build_model(dense); };
  std::map<std::string, Metric> all;
  const auto task = Registry<Task>::instance().create("latency", Value{std::move(settings)});
  for (auto& m : task->run(c)) all[m.name] = m;
  return all;
}

}  // namespace

TEST_CASE("latency: a mask that changes no shape is 1.00 by definition", "[tasks]") {
  const auto source = tiny_checkpoint("llama");
  const auto model = build_model(source);
  auto& layer = *model->layers().front();
  layer.set_mask(at::zeros_like(layer.matrix()).to(at::kBool));
  const auto masked = measured(*model, source, {});
  CHECK(masked.size() == 4);
  for (const char* name : {"prefill_speedup", "decode_speedup"}) {
    CHECK(masked.at(name).value == 1);
    CHECK(contains(masked.at(name).unit, "no kernel"));
  }
  CHECK(masked.at("decode").value > 0);
  auto g = model->groups("neuron").front();
  auto keep = at::ones({g.units}, at::kBool);
  keep[0] = false;
  shrink(g, keep);
  CHECK(!contains(measured(*model, source, {}).at("prefill_speedup").unit, "no kernel"));
}

TEST_CASE("latency: images of the model's own channels and size", "[tasks]") {
  const auto source = TinyVision("resnet").make();
  const auto model = build_model(source);
  const auto m = measured(*model, source, {{"image", Value(int64_t{16})}});
  CHECK(m.size() == 2);
  CHECK(m.at("prefill").unit == "images/s");
}

TEST_CASE("latency: ResNet-32 without what its released masks cut is faster", "[tasks][shared]") {
  SKIP_WITHOUT_SHARED();
  const auto folder = shared() / "data/vision/ifso_resnet32";
  const auto source =
      read_checkpoint(folder / "01-resnet32-cifar10-fullnetwork-channel-16_epoch_181_93.51.pth");
  const auto masks = read_checkpoint(folder / "resnet32_finetune-flops-50_epoch_147_93.00.pth");
  const auto model = build_model(source);
  for (auto& g : model->groups("channel")) {
    const auto m = masks.take_if("backbone." + g.name + ".in_mask");
    if (!m.defined()) continue;
    const auto keep = m.flatten() > 0.5;
    mask_group(g, keep);
    shrink(g, keep);
  }
  CHECK(cost_of(*model, output_positions(*model, tiny_images(1).batches.front())).macs == 34546304);
  TaskContext c{*model, {}, {}, {}};
  c.dense = [&] { return build_model(source); };
  const auto task = Registry<Task>::instance().create(
      "latency", Value{Value::Map{{"prefill", Value(int64_t{64})}}});
  const auto found = task->run(c);
  CHECK(found.at(1).name == "prefill_speedup");
  CHECK(found.at(1).value > 1);  // 2.0 times fewer multiply-accumulates; docs/vision.md has figures
}

TEST_CASE("latency: more tokens than the model takes are refused", "[tasks]") {
  const auto source = tiny_checkpoint("opt");
  const auto model = build_model(source);
  TaskContext c{*model, {}, {}, {}};
  const auto task = Registry<Task>::instance().create(
      "latency", Value{Value::Map{{"prefill", Value(int64_t{5000})}}});
  CHECK(contains(error_of([&] { task->run(c); }), "prefill or decode smaller"));
}
