#pragma once
#include <fmt/format.h>

#include <cmath>

#include "results/store.h"

namespace bench::test {

struct Size {
  int models = 4, tasks = 4, seeds = 1;
  int first_seed = 0;  // other ones make other trials
  std::vector<std::string> methods{"magnitude", "wanda",    "sparsegpt",
                                   "random",    "mini_llm", "wanda+obs"};
  std::vector<std::pair<std::string, double>> columns{{"unstructured", 0.2},
                                                      {"unstructured", 0.4},
                                                      {"unstructured", 0.6},
                                                      {"2:4", 0.5},
                                                      {"4:8", 0.5}};
};

inline Outcome synthetic_outcome(const TrialSpec& t, int tasks, size_t quality, int seed) {
  const bool dense = t.method == "dense";
  const double harm =
      dense ? 0 : t.sparsity * t.sparsity * (1 + 0.7 * static_cast<double>(quality));
  Outcome o;
  for (int i = 0; i < tasks; ++i) {
    const double noise = 0.01 * std::sin(7.0 * i + 3.0 * seed + static_cast<double>(quality));
    if (i == 0) {
      o.metrics.push_back({"wikitext2@512",
                           "wanda@8e8fc87",
                           "ppl",
                           9.7 * std::exp(harm + noise),
                           0.12,
                           341469,
                           "",
                           false,
                           {},
                           "h"});
    } else {
      static const char* const kNames[] = {"arc_easy", "piqa", "boolq", "winogrande", "openbookqa"};
      const std::string task = i <= 5 ? kNames[i - 1] : fmt::format("task{}", i);
      o.metrics.push_back(
          {task, "bench@1", "acc", 0.62 - 0.15 * harm + noise, 0.011, 2376, "", true, {}, "h"});
    }
  }
  const auto zeros = static_cast<int64_t>(200'000 * t.sparsity);
  o.phases = {{"load", 0.03, 120 << 20, 0, 0, "getrusage"},
              {"prune", 0.8, 180 << 20, 0, 0, "getrusage"},
              {"evaluate", 2.4, 210 << 20, 0, 0, "getrusage"}};
  o.sparsity = {{"prune", "model", "prunable weights", 200'000, zeros, zeros},
                {"prune", "model", "parameters", 260'032, zeros, zeros}};
  o.verdicts = {{"mask_holds", true, ""}, {"nm_holds", true, ""}};
  o.hashes = {{"weights", std::string(64, 'a')}, {"mask", std::string(64, 'b')}};
  o.environment = {{"cpu", "synthetic"}, {"threads", "2"}, {"version", "0.1.0"}};
  return o;
}

/// Finished trials, one failed and one that is not run; the number of metric rows.
inline int64_t fill(Store& store, const Size& size) {
  static const char* const kModels[] = {"stories260k", "babyllama-105", "opt-ts-1m", "bloom-ts-1m"};
  std::vector<TrialSpec> specs;
  std::vector<std::pair<size_t, int>> facts;  // quality and seed
  for (int m = 0; m < size.models; ++m) {
    const auto add = [&](const std::string& method, const std::string& pattern, double sparsity,
                         size_t quality, int seed) {
      TrialSpec t;
      const auto number = specs.size() + 1'000'003u * static_cast<unsigned>(size.first_seed);
      t.id = fmt::format("{:016x}", number * 0x9e3779b97f4a7c15u);
      t.model = m < 4 ? kModels[m] : fmt::format("model{}", m);
      t.method = method;
      t.pattern = pattern;
      t.sparsity = sparsity;
      t.identity = fmt::format(R"({{"method":"{}","data":{{"seed":{}}}}})", method, seed);
      t.config = fmt::format(
          R"({{"model":{{"name":"{}"}},"criterion":{{"name":"{}"}},"pattern":{{"kind":"{}"}},)"
          R"("sparsity":{},"data":{{"preset":"c4","seed":{}}}}})",
          t.model, method, pattern, sparsity, seed);
      specs.push_back(t);
      facts.emplace_back(quality, seed);
    };
    add("dense", "dense", 0, 0, 0);
    for (size_t q = 0; q < size.methods.size(); ++q) {
      for (const auto& [pattern, sparsity] : size.columns) {
        for (int s = 0; s < size.seeds; ++s)
          add(size.methods[q], pattern, sparsity, q, size.first_seed + s);
      }
    }
  }
  store.submit(specs);
  int64_t rows = 0;
  for (size_t i = 0; i < specs.size(); ++i) {
    if (i == 9) continue;
    store.claim({{specs[i].id}, "w", "", 600, false, 0});
    if (i == 14) {
      store.fail(specs[i].id, "w", "out of memory: the block needs 3.1 GiB");
      continue;
    }
    auto outcome = synthetic_outcome(specs[i], size.tasks, facts[i].first, facts[i].second);
    if (i == 17) outcome.verdicts[0] = {"mask_holds", false, "12 masked weights are not zero"};
    store.finish(specs[i].id, "w", outcome);
    rows += size.tasks;
  }
  return rows;
}

}  // namespace bench::test
