// The zeroth-order gradient of every prunable layer against the forward passes that it is made of:
// 2 n losses and the passes' directions, then the gradients. The counter over_passes is the time
// over 2 n + 1 forward passes of the same sequence, timed alone in the same run.
#include <benchmark/benchmark.h>

#include <chrono>

#include "measure/sequence_loss.h"
#include "measure/zeroth_order.h"
#include "subject.h"

namespace {

using namespace bench;

template <class F>
double seconds_of(F&& once) {
  const auto begin = std::chrono::steady_clock::now();
  once();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void score(Model& model, const Calibration& data, int64_t n) {
  const auto kind = need<ZerothOrder>(n, 1e-3, 0, int64_t{0});
  const auto stats =
      collect({model, {0, model.block_count()}, data, model.layers()}, {kind}, Pass::Global);
  for (const Layer* l : model.layers())
    benchmark::DoNotOptimize(zeroth_order_gradient(
        *l, stats->get<ZerothOrder>(*l, kind).differences, Directions::Normal, false));
}

void zeroth_order(benchmark::State& state, const std::string& name) {
  at::NoGradGuard no_grad;
  Subject* s = subject(name);
  if (!s) return state.SkipWithError("the model is not here; ./bench fetch smollm2-135m");
  const int64_t tokens = state.range(0), n = state.range(1);
  const int64_t vocabulary = s->checkpoint.config.at("vocab_size");
  Sequence ids;
  for (int64_t i = 0; i < tokens; ++i) ids.push_back((i * 7919 + 3) % vocabulary);
  Calibration data;
  data.batches = text_batches({ids}, tokens);
  const auto& one = data.batches.front();
  const auto pass = [&] {
    benchmark::DoNotOptimize(sequence_loss(*s->model, s->model->body(one), one));
  };
  pass();
  double passes = 0, scores = 0;
  for (auto _ : state) {
    for (int64_t i = 0; i < 2 * n + 1; ++i) passes += seconds_of(pass);
    const double took = seconds_of([&] { score(*s->model, data, n); });
    scores += took;
    state.SetIterationTime(took);
  }
  state.counters["over_passes"] = scores / passes;
}

BENCHMARK_CAPTURE(zeroth_order, smollm2, "smollm2-135m")
    ->Args({64, 2})
    ->Args({256, 2})
    ->Args({512, 2})
    ->Args({2048, 2})
    ->Iterations(2)
    ->Unit(benchmark::kMillisecond)
    ->UseManualTime();
BENCHMARK_CAPTURE(zeroth_order, stories260k, "stories260k")
    ->Args({64, 10})
    ->Args({256, 10})
    ->Args({512, 10})
    ->Unit(benchmark::kMillisecond)
    ->UseManualTime();

}  // namespace
