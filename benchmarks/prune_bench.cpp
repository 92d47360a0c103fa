// What pruning costs beside selection: statistics, SparseGPT's solve, whole trials. The machine's
// own matrix product of the same work is timed in the same run.
#include <benchmark/benchmark.h>

#include <chrono>

#include "core/update.h"
#include "data/data.h"
#include "hydra/compose/compose.h"
#include "measure/statistics.h"
#include "trial/run_trial.h"
#include "trial/trial.h"
#include "trial/workbench.h"

namespace {

using namespace bench;

constexpr int64_t kTokens = 2048, kIn = 4096, kOut = 1024;

Layer make_layer() {
  Layer l;
  l.name = "layer";
  l.weight = at::randn({kOut, kIn});
  return l;
}

void input_moments(benchmark::State& state) {
  at::set_num_threads(static_cast<int>(state.range(0)));
  const auto l = make_layer();
  InputMoments m(l);
  const auto x = at::randn({kTokens, kIn});
  for (auto _ : state) m.on_input(x, 1);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(x.nbytes()));
}

void input_gram(benchmark::State& state) {
  at::set_num_threads(static_cast<int>(state.range(0)));
  const auto l = make_layer();
  InputGram g(l);
  const auto x = at::randn({kTokens, kIn});
  for (auto _ : state) g.on_input(x, 1);
  state.counters["GFLOP/s"] = benchmark::Counter(2e-9 * double(kTokens * kIn * kIn),
                                                 benchmark::Counter::kIsIterationInvariantRate);
}

void bare_gram(benchmark::State& state) {
  at::set_num_threads(static_cast<int>(state.range(0)));
  const auto x = at::randn({kTokens, kIn});
  const auto t = x.t();
  auto y = at::empty({kIn, kIn});
  for (auto _ : state) at::mm_out(y, t, x);
  state.counters["GFLOP/s"] = benchmark::Counter(2e-9 * double(kTokens * kIn * kIn),
                                                 benchmark::Counter::kIsIterationInvariantRate);
}

/// Factor and sweep of one [1024, 4096] layer: the two parts of SparseGPT after the statistics.
void sparsegpt_factor(benchmark::State& state) {
  at::set_num_threads(static_cast<int>(state.range(0)));
  const auto l = make_layer();
  const auto x = at::randn({2 * kIn, kIn});
  for (auto _ : state) {
    state.PauseTiming();
    InputGram g(l);
    g.on_input(x, 1);
    state.ResumeTiming();
    benchmark::DoNotOptimize(g.inverse_factor(0.01));
  }
}

void sparsegpt_solve(benchmark::State& state) {
  at::set_num_threads(static_cast<int>(state.range(0)));
  auto l = make_layer();
  const auto dense = l.weight;
  Stats stats;
  auto& g = stats.put<InputGram>(l, need<InputGram>());
  g.on_input(at::randn({2 * kIn, kIn}), 1);
  g.inverse_factor(0.01);
  const auto obs =
      Registry<Update>::instance().create("obs", Value(Value::Map{{"reselect", true}}));
  const auto score = Registry<Criterion>::instance().create("sparsegpt");
  const auto again = [&](const Tensor& w, int64_t begin, int64_t end, double) {
    return select(score->score(View(l, w, begin, end), stats), Contest::Layer, 0.5);
  };
  for (auto _ : state) {
    l.weight = dense;
    Site site{l,    at::ones({kOut, kIn}, at::kBool), Part(), Pattern(), Contest::Layer, {}, stats,
              again};
    obs->apply(site);
  }
  state.counters["GFLOP/s"] = benchmark::Counter(1e-9 * double(kOut * kIn * kIn),
                                                 benchmark::Counter::kIsIterationInvariantRate);
}

/// configs/smoke.yaml at sparsity 0.5 from its configuration to its rows. cold: in a fresh
/// workbench; warm: beside a trial that has loaded the model and the tokens, as in a sweep.
void whole_trial(benchmark::State& state, bool cold) {
  at::set_num_threads(1);
  ComposeRequest request;
  request.primary = home() / "configs/smoke.yaml";
  std::vector<std::string> mistakes;
  const auto plan = plan_trial(expand(request).back().config, mistakes);
  if (!mistakes.empty()) return state.SkipWithError(mistakes.front().c_str());
  auto bench = std::make_unique<Workbench>();
  run_trial(plan.config, *bench);
  for (auto _ : state) {
    if (cold) bench = std::make_unique<Workbench>();
    run_trial(plan.config, *bench);
  }
}

BENCHMARK_CAPTURE(whole_trial, cold, true)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(whole_trial, warm, false)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(input_moments)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(input_gram)->Arg(1)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(bare_gram)->Arg(1)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(sparsegpt_factor)->Arg(1)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(sparsegpt_solve)->Arg(1)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
