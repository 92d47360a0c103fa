// bench conform NAME: the conformance suite on one criterion, allocator or update, from wherever it
// comes (--plugin).
#if __has_include(<catch2/catch_session.hpp>)
#include <catch2/catch_session.hpp>
#else
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#endif

#include <iostream>

#include "base/near.h"
#include "base/reason.h"
#include "core/allocator.h"
#include "core/criterion.h"
#include "core/update.h"
#include "trial/plugins.h"

namespace {

template <class T>
void add_names(std::vector<std::string>& all) {
  for (const auto& name : bench::Registry<T>::instance().names()) all.push_back(name);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    bench::load_plugins();
    std::vector<std::string> known;
    add_names<bench::Criterion>(known);
    add_names<bench::Allocator>(known);
    add_names<bench::Update>(known);
    const std::string name = argc == 3 ? argv[2] : "";
    if (std::find(known.begin(), known.end(), name) == known.end())
      bench::fail("conform: there is no criterion, allocator or update '{}'{}", name,
                  bench::suggestion(name, known));
    setenv("BENCH_CONFORM", name.c_str(), 1);
  } catch (const std::exception& e) {
    std::cerr << "bench: " << bench::reason_of(e).text << "\n";
    return 2;
  }
  const char* words[] = {argv[0], "[conformance]"};
  return Catch::Session().run(2, words) == 0 ? 0 : 1;
}
