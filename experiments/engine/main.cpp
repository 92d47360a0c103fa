// bench-engine: every verb that sees a tensor or asks a plugin registry. The front execs it.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/near.h"
#include "base/printable.h"
#include "base/reason.h"
#include "engine/verbs.h"
#include "trial/plugins.h"

namespace {

int answer(const std::vector<std::string>& arguments) {
  try {
    bench::load_plugins();
    return bench::engine::dispatch(arguments);
  } catch (const std::exception& e) {
    const auto reason = bench::reason_of(e);
    std::fprintf(stderr, "bench: %s\n", bench::printable_lines(reason.text).c_str());
    return 2;
  }
}

}  // namespace

int main(int argc, char** argv) {
  bench::engine::know_revision();
  int code = answer({argv + 1, argv + argc});
  std::cout.flush();
  const bool written = std::cout.good() && std::fflush(stdout) == 0 && !std::ferror(stdout);
  if (!written && code == 0) {
    std::fprintf(stderr,
                 "bench: standard output cannot be written; check the disk or the program that "
                 "reads it\n");
    code = 1;
  }
  std::_Exit(code);  // LibTorch would take its tables of operators apart, one by one
}
