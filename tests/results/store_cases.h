#pragma once
#include <fmt/format.h>

#include "results/store.h"

namespace bench::test {

inline std::vector<TrialSpec> some_specs(int count) {
  std::vector<TrialSpec> specs;
  for (int i = 0; i < count; ++i) {
    TrialSpec s;
    s.id = fmt::format("{:04x}{:060x}", i * 7919 % 65536, i);
    s.config = R"({"seed": 0})";
    s.identity = "{}";
    s.model = "stories260k";
    s.method = "wanda";
    s.pattern = "unstructured";
    s.sparsity = 0.5;
    s.share_key = "key";
    s.time_limit = 7;
    specs.push_back(s);
  }
  return specs;
}

inline std::vector<std::string> ids_of(const std::vector<TrialSpec>& specs) {
  std::vector<std::string> ids;
  for (const auto& s : specs) ids.push_back(s.id);
  return ids;
}

inline Outcome some_outcome() {
  Outcome o;
  o.metrics.push_back({"wikitext2@512",
                       "wanda@8e8fc87",
                       "ppl",
                       12.25,
                       0.5,
                       100,
                       "",
                       false,
                       {1.5f, -0.0f, 3e-30f},
                       "h"});
  o.metrics.push_back({"boolq", "olmes", "acc", kNone, kNone, 0, "", true, {}, ""});
  o.phases.push_back({"load", 0.5, int64_t{1} << 40, 0, 0, "getrusage"});
  o.sparsity.push_back({"prune", "model", "prunable weights", 10, 5, 6});
  o.sparsity.push_back({"prune", "tensor", "layer.0", 10, 5, 6});
  o.verdicts.push_back({"n:m holds", true, ""});
  o.verdicts.push_back({"masked weights are zero", false, "it's \"broken\"\n"});
  o.hashes = {{"weights", "aa"}, {"data", "bb"}};
  o.notes = {{"p", "[1, 2]"}};
  o.environment = {{"cpu", "some"}, {"threads", "2"}};
  return o;
}

}  // namespace bench::test
