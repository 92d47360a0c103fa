// Score and selection of one 4096 x 11008 layer against the machine's memory bandwidth and
// LibTorch's own sort and topk, in the same run. Counters: GB/s of the score read once, and the
// share of a plain copy.
#include <benchmark/benchmark.h>

#include <chrono>

#include "tensor/tensor.h"
#include "kernels/philox.h"
#include "kernels/select.h"

namespace {

using namespace bench::kernels;
constexpr int64_t kRows = 4096, kColumns = 11008;

const at::Tensor& scores() {
  static const at::Tensor s = at::rand({kRows, kColumns});
  return s;
}
at::Tensor& mask() {
  static at::Tensor m = at::empty({kRows, kColumns}, at::kByte);
  return m;
}

/// Bytes per second of reading the scores once: the bound of anything that reads them.
double bandwidth() {
  static const double found = [] {
    double best = 0;
    for (int i = 0; i < 5; ++i) {
      const auto begin = std::chrono::steady_clock::now();
      benchmark::DoNotOptimize(scores().sum().item<float>());
      const std::chrono::duration<double> d = std::chrono::steady_clock::now() - begin;
      best = std::max(best, double(scores().nbytes()) / d.count());
    }
    return best;
  }();
  return found;
}

template <class F>
void measure(benchmark::State& state, F&& once) {
  at::set_num_threads(static_cast<int>(state.range(0)));
  bandwidth(), mask();  // made, and their pages touched, before the clock runs
  once();
  for (auto _ : state) once();
  const double bytes = double(scores().nbytes()) * double(state.iterations());
  state.counters["GB/s"] = benchmark::Counter(bytes / 1e9, benchmark::Counter::kIsRate);
  state.counters["of_read_bound"] =
      benchmark::Counter(bytes / bandwidth(), benchmark::Counter::kIsRate);
}

void rows_half(benchmark::State& state) {
  const int64_t drop = kColumns / 2;
  measure(state, [&] {
    select_rows(scores().const_data_ptr<float>(), kRows, kColumns, &drop, 1,
                mask().mutable_data_ptr<uint8_t>());
  });
}
void wanda_score_and_rows_half(benchmark::State& state) {
  const auto w = at::randn({kRows, kColumns}), a = at::rand({kColumns});
  auto out = at::empty_like(w);
  const int64_t drop = kColumns / 2;
  measure(state, [&] {
    scaled_magnitude(w.const_data_ptr<float>(), a.const_data_ptr<float>(), kRows, kColumns,
                     out.mutable_data_ptr<float>());
    select_rows(out.const_data_ptr<float>(), kRows, kColumns, &drop, 1,
                mask().mutable_data_ptr<uint8_t>());
  });
}
void layer_half(benchmark::State& state) {
  measure(state, [&] {
    select_lowest(scores().const_data_ptr<float>(), kRows * kColumns, kRows * kColumns / 2,
                  mask().mutable_data_ptr<uint8_t>());
  });
}
void two_of_four(benchmark::State& state) {
  measure(state, [&] {
    select_nm(scores().const_data_ptr<float>(), kRows, kColumns, 2, 4,
              mask().mutable_data_ptr<uint8_t>());
  });
}
void libtorch_sort_rows(benchmark::State& state) {
  measure(state, [&] { benchmark::DoNotOptimize(at::sort(scores(), true, 1, false)); });
}
void libtorch_topk_rows(benchmark::State& state) {
  measure(state, [&] { benchmark::DoNotOptimize(at::topk(scores(), kColumns / 2, 1)); });
}
void philox_normals(benchmark::State& state) {
  std::vector<float> out(1 << 22);
  at::set_num_threads(static_cast<int>(state.range(0)));
  for (auto _ : state)
    fill_normal({42, 1, Purpose::Direction}, 0, static_cast<int64_t>(out.size()), out.data());
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(out.size()));
}

BENCHMARK(rows_half)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(wanda_score_and_rows_half)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(layer_half)->Arg(1)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(two_of_four)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(libtorch_sort_rows)->Arg(1)->Iterations(1)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(libtorch_topk_rows)->Arg(1)->Iterations(1)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(philox_normals)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
