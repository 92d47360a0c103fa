// Multiple choice: what all choices of a question share is computed once and questions run
// together, against the plain way of the same engine, one request at a time. Counter: documents/s.
// The same answers either way: tests/models/golden_test.cpp.
#include <benchmark/benchmark.h>

#include "subject.h"
#include "tasks/requests.h"

namespace {

using namespace bench;

std::vector<Item> items_of(const Subject& s, const std::string& task, int64_t documents) {
  const auto& protocol = bench::protocol("lm-eval@0.4.13", "loglikelihood");
  const auto tokenizer = s.checkpoint.tokenizer(protocol.tokenizer);
  std::vector<Item> items;
  for (const auto& q : Prompts(read_task(task), -1, "").questions(documents))
    items.push_back(encode_question(q, *tokenizer, protocol, s.model->max_length()));
  return items;
}

enum Way { Plain, Shared };

void choices(benchmark::State& state, const std::string& model, const std::string& task, Way way) {
  at::NoGradGuard no_grad;
  const Subject* s = subject(model);
  if (!s) return state.SkipWithError("the model is not here; ./bench fetch smollm2-135m");
  at::set_num_threads(static_cast<int>(state.range(0)));
  const auto items = items_of(*s, task, 100);
  for (auto _ : state) {
    if (way == Shared) {
      benchmark::DoNotOptimize(likelihoods(*s->model, items, 4096));
      continue;
    }
    for (const auto& item : items)
      for (const auto& request : item.requests)
        benchmark::DoNotOptimize(likelihoods(*s->model, {{{request}}}, 1));
  }
  state.counters["documents/s"] = benchmark::Counter(static_cast<double>(items.size()),
                                                     benchmark::Counter::kIsIterationInvariantRate);
}

void register_all() {
  for (const auto* model : {"smollm2-135m", "stories260k"})
    for (const auto* task : {"arc_easy", "piqa", "boolq"})
      for (const Way way : {Plain, Shared}) {
        const auto name = fmt::format("{}/{}/{}", model, task, way == Plain ? "plain" : "shared");
        benchmark::RegisterBenchmark(name.c_str(), choices, std::string(model), std::string(task),
                                     way)
            ->Arg(2)
            ->Unit(benchmark::kMillisecond)
            ->UseRealTime();
      }
}

[[maybe_unused]] const bool registered = (register_all(), true);

}  // namespace
