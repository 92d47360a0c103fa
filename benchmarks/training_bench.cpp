// How much of a training step its matrix products are: the bare convolutions and products of a step
// (forward, and backward by inputs and by weights), timed alone in the same run, over the step with
// everything (augmentation, norms, loss, SGD). One thread, as training runs.
#include <benchmark/benchmark.h>

#include <chrono>
#include <optional>

#include "stages/training.h"
#include "subject.h"

namespace {

using namespace bench;
using Clock = std::chrono::steady_clock;

double seconds(Clock::time_point since) {
  return std::chrono::duration<double>(Clock::now() - since).count();
}

struct Work {
  Layer layer;
  Tensor x, grad;
};

/// What every layer is given in a step of so many images.
std::vector<Work> work_of(Model& model, const Tensor& images) {
  at::NoGradGuard no_grad;
  std::vector<Work> all;
  for (Layer* l : model.layers())
    l->lens = [&all](const Layer& of, const Tensor& x) {
      auto plain = of;
      plain.lens = nullptr;
      auto y = plain(x);
      all.push_back({plain, at::randn_like(x), at::randn_like(y)});
      return y;
    };
  Batch batch;
  batch.images = images;
  model.forward(batch);
  for (Layer* l : model.layers()) l->lens = nullptr;
  return all;
}

void run(const Work& w, bool first) {
  const auto& l = w.layer;
  if (!l.is_conv()) {
    benchmark::DoNotOptimize(at::linear(w.x, l.weight, l.bias));
    benchmark::DoNotOptimize(w.grad.mm(l.weight));
    benchmark::DoNotOptimize(w.grad.t().mm(w.x));
    return;
  }
  const int64_t stride[] = {l.stride, l.stride}, pad[] = {l.padding, l.padding}, one[] = {1, 1},
                none[] = {0, 0};
  benchmark::DoNotOptimize(at::conv2d(w.x, l.weight, l.bias, stride, pad));
  benchmark::DoNotOptimize(at::convolution_backward(w.grad, w.x, l.weight, std::nullopt, stride,
                                                    pad, one, false, none, 1,
                                                    {!first, true, false}));
}

void training_step(benchmark::State& state, const char* name) {
  at::NoGradGuard no_grad;
  const auto subject = read_checkpoint(home() / "data/models" / name);
  const auto model = build_model(subject);
  constexpr int64_t kSteps = 4;
  Value given{Value::Map{{"steps", Value(kSteps + 1)}, {"save_every", Value(int64_t{0})}}};
  std::vector<std::string> mistakes;
  const auto complete = TrainingSettings::schema().complete(given, "train", mistakes);
  const TrainingSettings how{Config(complete, "train")};
  std::map<std::string, std::shared_ptr<const Snapshot>> kept;
  const Method none;
  StageContext context{*model, none, 0, at::kCPU, kept, {}, {}, ""};
  struct Clocked : TrainingHook {
    Clock::time_point begin;
    double each = 0;
    void before_step(Trainer&, int64_t step) override {
      if (step == 1) begin = Clock::now();
    }
    bool after_step(Trainer&, int64_t step) override {
      if (step == kSteps) each = seconds(begin) / double(kSteps);
      return false;
    }
  };
  at::set_num_threads(1);
  double bare = 0, step = 0;
  for (auto _ : state) {
    Clocked clocked;
    Trainer trainer(context, how);
    trainer.run(&clocked);
    const auto work = work_of(*model, trainer.data().all().images.narrow(0, 0, how.batch));
    for (size_t i = 0; i < work.size(); ++i) run(work[i], i == 0);  // warm
    const auto begin = Clock::now();
    for (size_t i = 0; i < work.size(); ++i) run(work[i], i == 0);
    bare += seconds(begin);
    step += clocked.each;
    state.SetIterationTime(clocked.each);
  }
  state.counters["images/s"] = double(how.batch) * double(state.iterations()) / step;
  state.counters["products' share"] = bare / step;
}

BENCHMARK_CAPTURE(training_step, resnet20, "resnet20")
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(training_step, resnet56, "resnet56")
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(training_step, lenet5, "lenet5")->UseManualTime()->Unit(benchmark::kMillisecond);

}  // namespace
