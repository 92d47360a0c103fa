// bench-engine: every verb that sees a tensor or asks a plugin registry. The front execs it.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/near.h"
#include "engine/verbs.h"

namespace {

int answer(const std::vector<std::string>& arguments) {
  try {
    return bench::engine::dispatch(arguments);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench: %s\n", e.what());
    return 2;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int code = answer({argv + 1, argv + argc});
  std::cout.flush();
  std::fflush(nullptr);
  std::_Exit(code);  // LibTorch would take its tables of operators apart, one by one
}
