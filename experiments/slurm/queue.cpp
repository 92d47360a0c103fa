#include "slurm/queue.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "base/error.h"
#include "base/printable.h"

namespace bench::slurm {
namespace {

/// Reads both ends until both are closed: neither may fill while the other is waited for.
void read_both(int out, int errors, Said& said) {
  pollfd ends[] = {{out, POLLIN, 0}, {errors, POLLIN, 0}};
  std::string* texts[] = {&said.out, &said.errors};
  for (int open = 2; open > 0;) {
    poll(ends, 2, -1);
    for (int i = 0; i < 2; ++i) {
      if (ends[i].fd < 0 || ends[i].revents == 0) continue;
      char buffer[16384];
      const ssize_t n = read(ends[i].fd, buffer, sizeof buffer);
      if (n > 0) {
        texts[i]->append(buffer, static_cast<size_t>(n));
      } else if (n == 0 || errno != EINTR) {
        ends[i].fd = -1;
        --open;
      }
    }
  }
}

/// What a program said, as one line for a sentence.
std::string one_line(const Said& said) {
  auto text = said.errors.empty() ? said.out : said.errors;
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text.empty() ? "it said nothing" : printable(text);
}

int64_t whole(const std::string& text) {
  int64_t value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : -1;
}

bool in_path(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');)
    if (access((std::filesystem::path(folder) / program).c_str(), X_OK) == 0) return true;
  return false;
}

}  // namespace

Said call(const std::vector<std::string>& words) {
  Said said;
  int out[2], errors[2];
  if (pipe(out) != 0) fail("{}: no pipe: {}", words[0], std::strerror(errno));
  if (pipe(errors) != 0) {
    close(out[0]), close(out[1]);
    fail("{}: no pipe: {}", words[0], std::strerror(errno));
  }
  std::vector<char*> arguments;
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(out[1], STDOUT_FILENO);
    dup2(errors[1], STDERR_FILENO);
    for (const int end : {out[0], out[1], errors[0], errors[1]}) close(end);
    execvp(arguments[0], arguments.data());
    _exit(127);
  }
  close(out[1]), close(errors[1]);
  if (pid > 0) read_both(out[0], errors[0], said);
  close(out[0]), close(errors[0]);
  if (pid < 0) fail("{}: no process: {}", words[0], std::strerror(errno));
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  said.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return said;
}

bool installed() {
  return in_path("sbatch") && in_path("squeue") && in_path("scontrol");
}

void require_installed() {
  if (!installed())
    fail(
        "launcher.kind=slurm: sbatch, squeue and scontrol are not in PATH, so there is no Slurm "
        "on this machine; give the command where jobs are submitted, or launcher=local");
}

const std::vector<std::string>& queue_words() {
  static const std::vector<std::string> words{"squeue",     "--me",     "--all",         "--array",
                                              "--noheader", "--format", "%F|%K|%T|%M|%r"};
  return words;
}

std::vector<Queued> parse_queue(const std::string& text) {
  std::vector<Queued> all;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    std::vector<std::string> parts(1);
    for (const char c : line) {
      if (c == '|' && parts.size() < 5)
        parts.emplace_back();
      else
        parts.back() += c;
    }
    Queued q;
    if (parts.size() == 5) {
      q = {whole(parts[0]), whole(parts[1]), parts[2], parts[4], parts[3]};
      if (q.job > 0 && !q.state.empty() && (q.element >= 0 || parts[1] == "N/A")) {
        all.push_back(std::move(q));
        continue;
      }
    }
    fail("squeue said '{}', which is no line of '{}'", printable(line), queue_words().back());
  }
  return all;
}

std::vector<Queued> queue() {
  const auto said = call(queue_words());
  if (said.code != 0) fail("squeue does not answer, and nothing was changed: {}", one_line(said));
  return parse_queue(said.out);
}

int64_t parse_job(const std::string& text) {
  const auto end = text.find_first_of(";\n");
  const auto id = whole(text.substr(0, end));
  if (id <= 0) fail("sbatch said '{}', which is no job's id", printable(text));
  return id;
}

int64_t submit(std::vector<std::string> words) {
  words.insert(words.begin(), {"sbatch", "--parsable"});
  const auto said = call(words);
  if (said.code != 0) fail("sbatch refused the job: {}", one_line(said));
  return parse_job(said.out);
}

}  // namespace bench::slurm
