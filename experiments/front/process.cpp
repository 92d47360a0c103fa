// What the front needs of the system: its standard output, and the way to the engine.
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "front/verbs.h"

namespace bench::front {

bool colours() {
  const char* term = std::getenv("TERM");
  return isatty(STDOUT_FILENO) && !std::getenv("NO_COLOR") &&
         !(term && std::strcmp(term, "dumb") == 0);
}

size_t columns() {
  winsize size{};
  const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 120;
}

void print(const std::string& text) {
  const size_t written = std::fwrite(text.data(), 1, text.size(), stdout);
  if (written < text.size() || std::fflush(stdout) != 0) {
    fail("standard output cannot be written ({}); check the disk or the program that reads it",
         std::strerror(errno));
  }
}

int hand_over(const std::vector<std::string>& words) {
  // Both must be there before LibTorch's runtime starts; the user's own choice stands.
  setenv("THP_MEM_ALLOC_ENABLE", "1", 0);
  setenv("OMP_WAIT_POLICY", "passive", 0);
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::string engine = (self.parent_path() / "bench-engine").string();
  std::vector<char*> arguments{const_cast<char*>(engine.c_str())};
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execv(engine.c_str(), arguments.data());
  fail(
      "'{}' needs bench-engine, and {} cannot be started ({}); build the project with LibTorch "
      "(without BENCH_LIGHT)",
      words[0], engine, std::strerror(errno));
}

}  // namespace bench::front
