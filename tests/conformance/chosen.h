#pragma once
#include <cstdlib>
#include <string>
#include <vector>

#include "config/registry.h"

namespace bench::test {

/// The names of a registry that the suite tries: all, or the one that `bench conform NAME` asks
/// for. One that cannot be made without settings of its own (external: which program?) is tested by
/// its own cases.
template <class T>
std::vector<std::string> chosen() {
  const char* only = std::getenv("BENCH_CONFORM");
  std::vector<std::string> names;
  for (const auto& [name, plugin] : Registry<T>::instance().all()) {
    bool whole = true;
    for (const auto& key : plugin.schema.keys()) whole = whole && key.fallback.has_value();
    if (whole && (!only || name == only)) names.push_back(name);
  }
  return names;
}

}  // namespace bench::test
