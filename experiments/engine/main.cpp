// bench-engine: every verb that sees a tensor or asks a plugin registry. The front execs it.
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/near.h"
#include "engine/verbs.h"

int main(int argc, char** argv) {
  using namespace bench;
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  try {
    return engine::dispatch(arguments);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench: %s\n", e.what());
    return 2;
  }
}
