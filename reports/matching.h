#pragma once
#include <string>
#include <vector>

#include "reports/pivot.h"

namespace bench {

/// Two finished trials that differ in nothing but criterion, allocator and update.
struct Match {
  size_t a, b;            // places in Rows::trials
  std::string condition;  // pattern, sparsity and stages: "head+neuron 20% +lora"
  int64_t seed;
};
struct Matched {
  std::vector<Match> pairs;          // in the order of a's trials
  int64_t alone_a = 0, alone_b = 0;  // trials that found no partner
};

/// a, b: a name in tables without schedule and stages ("mini_llm" for "mini_llm+lora"), or where
/// there is none a criterion's. models: only those; empty: all. An
/// unknown name is an Error with the near ones; so are two trials that would match the same one.
Matched match(const Rows& rows, const std::string& a, const std::string& b,
              const std::vector<std::string>& models);

}  // namespace bench
