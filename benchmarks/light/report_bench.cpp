// What is read from a ledger of 100,000 metric rows (goal: a report in 5 s), and the start of the
// program as it is typed (`bench --help`, goal: 20 ms).
#include <benchmark/benchmark.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "reports/leaderboard.h"
#include "reports/pivot.h"
#include "reports/render.h"
#include "synthetic.h"

namespace {

using namespace bench;

struct Ledger {
  Ledger() {
    std::string pattern = (std::filesystem::temp_directory_path() / "report-bench-XXXXXX").string();
    if (!mkdtemp(pattern.data())) std::abort();
    folder = pattern;
    Store store((folder / "bench.db").string());
    test::Size size;
    size.models = 40, size.tasks = 21, size.seeds = 4;
    rows = test::fill(store, size);
  }
  ~Ledger() { std::filesystem::remove_all(folder); }
  std::filesystem::path folder;
  int64_t rows = 0;
};

const Ledger& ledger() {
  static const Ledger made;
  return made;
}

void report(benchmark::State& state) {
  const Store store((ledger().folder / "bench.db").string(), Store::Mode::ReadOnly);
  for (auto _ : state) {
    const Rows rows = read_rows(store);
    benchmark::DoNotOptimize(render(pivot(rows, {}), rows, Format::Table));
  }
  state.counters["rows"] = static_cast<double>(ledger().rows);
}

void leaderboard(benchmark::State& state) {
  const Store store((ledger().folder / "bench.db").string(), Store::Mode::ReadOnly);
  size_t bytes = 0;
  for (auto _ : state) bytes = leaderboard_page(store).size();
  state.counters["page_bytes"] = static_cast<double>(bytes);
}

void help(benchmark::State& state) {
  for (auto _ : state) {
    const pid_t child = fork();
    if (child == 0) {
      if (!freopen("/dev/null", "w", stdout)) _exit(1);
      execl(BENCH_ROOT "/bench", "bench", "--help", static_cast<char*>(nullptr));
      _exit(127);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (status != 0) state.SkipWithError("bench --help failed");
  }
}

BENCHMARK(report)->Unit(benchmark::kMillisecond);
BENCHMARK(leaderboard)->Unit(benchmark::kMillisecond);
BENCHMARK(help)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
