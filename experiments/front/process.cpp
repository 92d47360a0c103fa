// What the front needs of the system: its standard output, and the way to the engine.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
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

void show_pages(const std::string& text) {
  winsize size{};
  const bool fits = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 ||
                    std::count(text.begin(), text.end(), '\n') < size.ws_row;
  const char* own = std::getenv("PAGER");
  const std::string pager = own ? own : "less -RFX";
  if (fits || !isatty(STDOUT_FILENO) || pager.empty() || pager == "cat") return print(text);
  const auto before = std::signal(SIGPIPE, SIG_IGN);  // who has read enough quits
  FILE* pipe = popen(pager.c_str(), "w");
  if (pipe) std::fwrite(text.data(), 1, text.size(), pipe);
  const int status = pipe ? pclose(pipe) : -1;
  std::signal(SIGPIPE, before);
  constexpr int kNotFound = 127;  // of the shell
  if (!pipe || (WIFEXITED(status) && WEXITSTATUS(status) == kNotFound)) print(text);
}

namespace {

/// A program that was built beside this one.
std::string beside(const std::string& program) {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  return (self.parent_path() / program).string();
}

void exec_engine(const std::string& program, const std::vector<std::string>& words) {
  // Both must be there before LibTorch's runtime starts; the user's own choice stands.
  setenv("THP_MEM_ALLOC_ENABLE", "1", 0);
  setenv("OMP_WAIT_POLICY", "passive", 0);
  std::vector<char*> arguments{const_cast<char*>(program.c_str())};
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execv(program.c_str(), arguments.data());
}

}  // namespace

std::string engine_output(const std::vector<std::string>& words) {
  int ends[2];
  if (pipe(ends) != 0) return "";
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(ends[1], STDOUT_FILENO);
    const int nowhere = open("/dev/null", O_WRONLY);
    if (nowhere >= 0) dup2(nowhere, STDERR_FILENO);
    close(ends[0]);
    exec_engine(beside("bench-engine"), words);
    _exit(127);
  }
  close(ends[1]);
  std::string text;
  char buffer[65536];
  for (ssize_t n; pid > 0 && (n = read(ends[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<size_t>(n));
  close(ends[0]);
  int status = 0;
  const bool ended = pid > 0 && waitpid(pid, &status, 0) == pid;
  return ended && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? text : "";
}

int hand_over(const std::vector<std::string>& words, const std::string& program) {
  const auto path = beside(program);
  exec_engine(path, words);
  fail(
      "'{}' needs {}, and {} cannot be started ({}); build the project with LibTorch "
      "(without BENCH_LIGHT)",
      words[0], program, path, std::strerror(errno));
}

int hand_to_script(const std::vector<std::string>& words) {
  const auto path = (checkout("bench") / "bench").string();
  std::vector<char*> arguments{const_cast<char*>(path.c_str())};
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execv(path.c_str(), arguments.data());
  fail("{} cannot be started ({}); it stands in the checkout of PruneBench", path,
       std::strerror(errno));
}

}  // namespace bench::front
