// A ledger of a million metric rows (goal: list, one model's report and the claim of the next trial
// in 50 ms each), and eight shards of 10,000 trials that become one (goal: 10 s).
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>

#include "reports/layout.h"
#include "reports/pivot.h"
#include "reports/render.h"
#include "results/merge.h"
#include "synthetic.h"

namespace {

using namespace bench;

struct Folder {
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "ledger-bench-XXXXXX").string();
    if (!mkdtemp(pattern.data())) std::abort();
    path = pattern;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

struct Large : Folder {
  Large() {
    Store store(file());
    test::Size size;
    size.models = 40, size.tasks = 21, size.seeds = 40;
    rows = test::fill(store, size);
    trials = store.trials();
    std::vector<TrialSpec> waiting;
    for (int i = 0; i < 2000; ++i) {
      TrialSpec t;
      t.id = fmt::format("{:016x}", 0xfffff0000000u + static_cast<unsigned>(i));
      t.model = "waiting", t.method = "wanda", t.pattern = "2:4", t.config = t.identity = "{}";
      t.share_key = "waiting";
      waiting.push_back(t);
      trials.emplace_back().id = t.id;
    }
    store.submit(waiting);
  }
  std::string file() const { return (path / "bench.db").string(); }
  int64_t rows = 0;
  std::vector<Trial> trials;
};

const Large& large() {
  static const Large made;
  return made;
}

void list(benchmark::State& state) {
  large();
  for (auto _ : state) {
    const Store store(large().file(), Store::Mode::ReadOnly);
    benchmark::DoNotOptimize(store.listed());
  }
  state.counters["rows"] = static_cast<double>(large().rows);
  state.counters["trials"] = static_cast<double>(large().trials.size());
}

void report_model(benchmark::State& state) {
  for (auto _ : state) {
    const Store store(large().file(), Store::Mode::ReadOnly);
    const Rows rows = read_rows({&store}, {"stories260k"});
    benchmark::DoNotOptimize(render(split_structures(pivot(rows, {{"stories260k"}, {}, {}, false})),
                                    rows, Format::Table));
  }
}

/// As a worker of a run of all trials claims.
void claim(benchmark::State& state) {
  Store store(large().file());
  Store::Wish wish;
  for (const auto& t : large().trials) wish.ids.push_back(t.id);
  wish.worker = "bench", wish.lease_seconds = 600;
  store.claim(wish);  // the first one tells the connection what is wished for
  for (auto _ : state)
    if (!store.claim(wish)) state.SkipWithError("no trial is left");
}

void merge_shards(benchmark::State& state) {
  for (auto _ : state) {
    state.PauseTiming();
    const Folder folder;
    std::vector<std::string> shards;
    for (int s = 0; s < 8; ++s) {
      shards.push_back((folder.path / fmt::format("shard-{}.db", s)).string());
      Store store(shards.back());
      test::Size size;  // 40 models of 30 trials and dense, eight seeds: about 10,000 trials
      size.models = 40, size.tasks = 3, size.seeds = 8, size.first_seed = 8 * s;
      test::fill(store, size);
      state.counters["trials"] = static_cast<double>(store.trials().size());
    }
    state.ResumeTiming();
    benchmark::DoNotOptimize(merge((folder.path / "all.db").string(), shards));
  }
}

BENCHMARK(list)->Unit(benchmark::kMillisecond);
BENCHMARK(report_model)->Unit(benchmark::kMillisecond);
BENCHMARK(claim)->Unit(benchmark::kMillisecond)->Iterations(500);
BENCHMARK(merge_shards)->Unit(benchmark::kMillisecond)->Iterations(1);

}  // namespace
