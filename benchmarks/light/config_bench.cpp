// Composition of configs/llama_sweep.yaml with 40 overrides (goal: 20 ms) and sweeps of 10,000 jobs
// (goal: 1 s), of that file and of a larger one: nine groups of a few options with 13 keys each and
// 40 keys at the top, in a temporary folder.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "hydra/compose/compose.h"
#include "hydra/override/override.h"
#include "hydra/yaml/yaml.h"

namespace {

namespace fs = std::filesystem;
const char* const kGroups[] = {"model", "criterion", "allocator", "update",  "pattern",
                               "task",  "data",      "protocol",  "launcher"};

struct Configs {
  Configs() {
    std::string pattern = (fs::temp_directory_path() / "config-bench-XXXXXX").string();
    if (!mkdtemp(pattern.data())) std::abort();
    folder = pattern;
    std::string primary = "defaults:\n";
    for (const char* group : kGroups) {
      fs::create_directory(folder / group);
      primary += std::string("  - ") + group + ": one\n";
      for (const char* option : {"one", "two", "three"}) {
        std::ofstream out(folder / group / (std::string(option) + ".yaml"));
        out << "# an option\nname: " << option << "\n";
        for (int i = 0; i < 8; ++i) out << "key" << i << ": " << i << "\n";
        out << "label: ${" << group << ".name}-${seed}\nnested: {a: [1, 2, 3], b: {c: text}}\n";
      }
    }
    primary += "  - _self_\nseed: 0\nname: ${model.name}-${criterion.name}-s${seed}\n";
    for (int i = 0; i < 40; ++i)
      primary += "top" + std::to_string(i) + ": " + std::to_string(i) + "\n";
    std::ofstream(folder / "config.yaml") << primary;
  }
  ~Configs() { fs::remove_all(folder); }

  bench::ComposeRequest request() const {
    bench::ComposeRequest request;
    request.primary = folder / "config.yaml";
    return request;
  }
  fs::path folder;
};

bench::ComposeRequest llama_sweep() {
  bench::ComposeRequest request;
  request.primary = fs::path(BENCH_ROOT) / "configs" / "llama_sweep.yaml";
  return request;
}

/// Groups, values, values that are maps and lists, additions and deletions.
void llama_sweep_with_40_overrides(benchmark::State& state) {
  auto request = llama_sweep();
  request.overrides = {"model=opt-ts-1m",
                       "criterion=wanda",
                       "allocator=erk",
                       "update=obs",
                       "pattern=2of4",
                       "data=c4",
                       "task=[size,arc_easy]",
                       "launcher=careful",
                       "protocol=llm_pruner",
                       "seed=3",
                       "sparsity=0.25",
                       "shrink=true",
                       "launcher.time_limit=1e3",
                       "data.nsamples=16",
                       "~propagation"};
  for (int i = 0; request.overrides.size() < 40; ++i)
    request.overrides.push_back("+extra" + std::to_string(i) + "={a: [1, 2.5, x], b: ${seed}}");
  for (auto _ : state) {
    const auto composition = bench::compose(request);
    benchmark::DoNotOptimize(bench::resolve(composition.config, composition.context()));
  }
}
BENCHMARK(llama_sweep_with_40_overrides)->Unit(benchmark::kMillisecond);

void llama_sweep_of_10000_jobs(benchmark::State& state) {
  auto request = llama_sweep();
  request.multirun = true;
  request.overrides = {"model=stories260k,opt-ts-1m", "criterion=glob(*)",
                       "sparsity=range(0,1,0.1)", "seed=range(9)"};
  size_t jobs = 0;
  for (auto _ : state) jobs = bench::expand(request).size();
  state.counters["jobs"] = static_cast<double>(jobs);
}
BENCHMARK(llama_sweep_of_10000_jobs)->Unit(benchmark::kMillisecond);

void compose_with_40_overrides(benchmark::State& state) {
  const Configs configs;
  auto request = configs.request();
  for (const char* group : kGroups) {
    request.overrides.push_back(std::string(group) + "=two");
    request.overrides.push_back(std::string(group) + ".key3=33");
    request.overrides.push_back(std::string("+") + group + ".extra={a: [1,2], b: ${seed}}");
  }
  for (int i = 0; request.overrides.size() < 40; ++i)
    request.overrides.push_back("top" + std::to_string(i) + "=1e-3");
  for (auto _ : state) {
    const auto composition = bench::compose(request);
    benchmark::DoNotOptimize(bench::resolve(composition.config, composition.context()));
  }
}
BENCHMARK(compose_with_40_overrides)->Unit(benchmark::kMillisecond);

void expand_10000_jobs(benchmark::State& state) {
  const Configs configs;
  auto request = configs.request();
  request.multirun = true;
  request.overrides = {"criterion=one,two", "model=one,two,three", "seed=range(417)",
                       "top1=0.1,0.2,0.3,0.4", "top2=x"};
  size_t jobs = 0;
  for (auto _ : state) jobs = bench::expand(request).size();
  state.counters["jobs"] = static_cast<double>(jobs);
}
BENCHMARK(expand_10000_jobs)->Unit(benchmark::kMillisecond);

void expand_10000_seeds(benchmark::State& state) {
  const Configs configs;
  auto request = configs.request();
  request.multirun = true;
  request.overrides = {"seed=range(10000)"};
  for (auto _ : state) benchmark::DoNotOptimize(bench::expand(request).size());
}
BENCHMARK(expand_10000_seeds)->Unit(benchmark::kMillisecond);

void parse_one_override(benchmark::State& state) {
  for (auto _ : state)
    benchmark::DoNotOptimize(bench::parse_override("task@tasks={a: [1, 2.5], b: 'x y', c: ${d}}"));
}
BENCHMARK(parse_one_override);

void load_one_file(benchmark::State& state) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "key" + std::to_string(i) + ": [1, 2.5, text, {a: b}]\n";
  for (auto _ : state) benchmark::DoNotOptimize(bench::load_yaml(text, "x.yaml"));
}
BENCHMARK(load_one_file)->Unit(benchmark::kMicrosecond);

}  // namespace
