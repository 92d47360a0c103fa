// Perplexity against its bound: the bare matrix products and bare attention calls of the same
// shapes, timed alone in the same run. SmolLM2-135M where `bench fetch smollm2-135m` has put it
// (BENCH_MODELS=folder otherwise), stories260k in any case. Counters: tokens/s, GFLOP/s of the
// products, and of_bound = bound / measured.
#include <benchmark/benchmark.h>

#include <chrono>

#include "tensor/rows.h"
#include "subject.h"
#include "tasks/scoring.h"

namespace {

using namespace bench;
using at::Tensor;

template <class F>
double best_of(int times, F&& once) {
  double best = 1e30;
  for (int i = 0; i < times; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    once();
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return best;
}

struct Bound {
  double seconds = 0, flops = 0;
};

/// One product of each shape, timed alone, times how often it occurs.
Bound products(const Subject& s, int64_t tokens) {
  std::map<std::pair<int64_t, int64_t>, int64_t> shapes;  // (out, in) -> how often
  for (const Layer* l : s.model->layers()) ++shapes[{l->rows(), l->columns()}];
  const int64_t vocabulary = s.checkpoint.config.at("vocab_size");
  ++shapes[{vocabulary, s.model->layers().front()->columns()}];
  Bound b;
  for (const auto& [shape, count] : shapes) {
    const auto x = at::randn({tokens, shape.second}), w = at::randn({shape.first, shape.second});
    auto y = at::empty({tokens, shape.first});
    const auto t = w.t();
    b.seconds += double(count) * best_of(3, [&] { at::mm_out(y, x, t); });
    b.flops += 2.0 * double(count) * double(tokens * shape.first * shape.second);
  }
  return b;
}

double attention(const Subject& s, int64_t tokens) {
  const auto& c = s.checkpoint.config;
  const int64_t heads = c.at("num_attention_heads");
  const int64_t size = s.model->layers().front()->columns() / heads;
  const auto q = at::randn({1, heads, tokens, size}), k = at::randn_like(q), v = at::randn_like(q);
  return double(s.model->block_count()) * best_of(3, [&] {
           benchmark::DoNotOptimize(
               at::scaled_dot_product_attention(q, k, v, {}, 0.0, /*is_causal=*/true));
         });
}

void perplexity(benchmark::State& state, const std::string& name, int64_t length) {
  at::NoGradGuard no_grad;
  Subject* s = subject(name);
  if (!s) return state.SkipWithError("the model is not here; ./bench fetch smollm2-135m");
  at::set_num_threads(static_cast<int>(state.range(0)));
  std::vector<Sequence> windows(1);
  const int64_t vocabulary = s->checkpoint.config.at("vocab_size");
  for (int64_t i = 0; i < length; ++i) windows[0].push_back((i * 7919 + 3) % vocabulary);
  const auto bound = products(*s, length);
  const double bare = bound.seconds + attention(*s, length);
  for (auto _ : state) benchmark::DoNotOptimize(window_losses(*s->model, windows, length));
  const auto rate = benchmark::Counter::kIsIterationInvariantRate;
  state.counters["tokens/s"] = benchmark::Counter(double(length), rate);
  state.counters["GFLOP/s"] = benchmark::Counter(bound.flops / 1e9, rate);
  state.counters["of_bound"] = benchmark::Counter(bare, rate);
  state.counters["bound_attention_share"] = 1 - bound.seconds / bare;
}

BENCHMARK_CAPTURE(perplexity, smollm2_2048, "smollm2-135m", 2048)
    ->Arg(1)
    ->Arg(2)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(perplexity, smollm2_512, "smollm2-135m", 512)
    ->Arg(1)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(perplexity, stories260k_512, "stories260k", 512)
    ->Arg(1)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
