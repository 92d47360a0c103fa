#pragma once
// The built program, run as a shell runs it.
#include <sys/wait.h>

#include <cstdio>

#include "test.h"

namespace bench::test {

struct Ran {
  int code;
  std::string output;  // standard output and errors
};

inline Ran run(const std::string& arguments, const std::string& program = BENCH_BIN "/bench") {
  Ran ran{-1, ""};
  FILE* pipe = popen(("'" + program + "' " + arguments + " 2>&1").c_str(), "r");
  if (!pipe) return ran;
  char buffer[4096];
  for (size_t n; (n = fread(buffer, 1, sizeof buffer, pipe)) > 0;) ran.output.append(buffer, n);
  const int status = pclose(pipe);
  ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ran;
}

/// A copy of the program beside a shell script that stands for bench-engine: no LibTorch is needed.
struct StandIn {
  explicit StandIn(const std::string& script) {
    std::filesystem::copy_file(BENCH_BIN "/bench", folder.path / "bench");
    std::ofstream(folder.path / "bench-engine") << "#!/bin/sh\n" << script;
    std::filesystem::permissions(folder.path / "bench-engine", std::filesystem::perms::owner_all);
  }
  Ran run(const std::string& arguments) const {
    return bench::test::run(arguments, folder.path / "bench");
  }
  TempDir folder;
};

}  // namespace bench::test
