#if __has_include(<catch2/catch_session.hpp>)
#include <catch2/catch_session.hpp>
#else
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#endif

#ifdef BENCH_ENGINE
#include "trial/plugins.h"
#endif

int main(int argc, char** argv) {
#ifdef BENCH_ENGINE
  bench::load_plugins();  // `bench --plugin FILE conform NAME` looks at them here
#endif
  return Catch::Session().run(argc, argv);
}
