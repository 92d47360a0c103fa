// Latency of ResNet-32 without what IFSO's released masks cut, dense over pruned, beside the ratio
// of multiply-accumulates. BENCH_SHARED names the folder that holds data/vision/ifso_resnet32.
#include <benchmark/benchmark.h>

#include <cstdlib>

#include "measure/cost.h"
#include "core/task.h"
#include "subject.h"

namespace {

using namespace bench;

void resnet32(benchmark::State& state, const char* pruned) {
  at::NoGradGuard no_grad;
  const char* shared = std::getenv("BENCH_SHARED");
  if (!shared) return state.SkipWithError("BENCH_SHARED names no folder");
  const auto folder = std::filesystem::path(shared) / "data/vision/ifso_resnet32";
  const auto source =
      read_checkpoint(folder / "01-resnet32-cifar10-fullnetwork-channel-16_epoch_181_93.51.pth");
  const auto masks = read_checkpoint(folder / pruned);
  const auto dense = build_model(source), model = build_model(source);
  for (auto& g : model->groups("channel"))
    if (const auto m = masks.take_if("backbone." + g.name + ".in_mask"); m.defined())
      shrink(g, m.flatten() > 0.5);
  Batch one;
  one.images = at::zeros({1, 3, 32, 32});
  const auto macs = [&](Model& m) { return cost_of(m, output_positions(m, one)).macs; };
  at::set_num_threads(static_cast<int>(state.range(1)));
  TaskContext c{*model, {}, {}, {}};
  c.dense = [&] { return build_model(source); };
  const auto task = Registry<Task>::instance().create(
      "latency", Value{Value::Map{{"prefill", Value(state.range(0))}, {"repeats", 15}}});
  for (auto _ : state) {
    const auto found = task->run(c);
    state.counters["images/s"] = found.at(0).value;
    state.counters["dense / pruned"] = found.at(1).value;
    state.counters["+-"] = found.at(1).stderr_;
  }
  state.counters["MACs, dense / pruned"] = double(macs(*dense)) / double(macs(*model));
}

#define PRUNED(share, file)                \
  BENCHMARK_CAPTURE(resnet32, share, file) \
      ->ArgsProduct({{1, 128}, {1, 2}})    \
      ->ArgNames({"images", "threads"})    \
      ->Iterations(1)                      \
      ->Unit(benchmark::kMillisecond)
PRUNED(flops50, "resnet32_finetune-flops-50_epoch_147_93.00.pth");
PRUNED(flops60, "resnet32_finetune-flops-60_epoch_163_93.23.pth");

}  // namespace
