#include "fleet/worker_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <thread>

#include "base/error.h"
#include "base/printable.h"
#include "base/reason.h"
#include "tensor/tensor.h"
#include "fleet/process_name.h"
#include "fleet/runner.h"

namespace bench {
namespace {

constexpr unsigned kMostWaiting = 4;  // more start faster as programs than one by one

struct Pipe {
  int read, write;
};

Pipe new_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) fail("no pipe for a worker: {}", std::strerror(errno));
  return {ends[0], ends[1]};
}

/// In the child: no orphan goes on when the run is killed.
void tie_to(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // A terminal or a cluster sends these to all: the run decides what becomes of us.
  for (const int all : {SIGINT, SIGTERM, SIGUSR1}) signal(all, SIG_IGN);
  if (getppid() != parent) _exit(1);
}

bool only_thread() {
  std::error_code ignored;
  const std::filesystem::directory_iterator tasks("/proc/self/task", ignored);
  return std::distance(begin(tasks), end(tasks)) == 1;
}

/// The next line, without its end; empty where there is none.
std::string read_line(int from) {
  std::string line;
  for (char c; read(from, &c, 1) == 1 && c != '\n';) line += c;
  return line;
}

/// Before LibTorch's CUDA part is opened: it looks once.
void show_only(const std::string& card) {
  if (!card.empty()) setenv("CUDA_VISIBLE_DEVICES", card.c_str(), 1);
}

[[noreturn]] void stand_by(int in) {
  const auto threads = read_line(in), wish_file = read_line(in), card = read_line(in);
  if (wish_file.empty()) std::_Exit(0);  // not needed
  show_only(card);
  int code = 2;
  try {
    at::set_num_threads(std::atoi(threads.c_str()));
    code = work(wish_file);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench: %s\n", printable_lines(reason_of(e).text).c_str());
  }
  std::fflush(nullptr);
  std::_Exit(code);
}

WorkerProcess heard_by_us(pid_t pid, Pipe out) {
  close(out.write);
  fcntl(out.read, F_SETFL, O_NONBLOCK);
  return {pid, out.read, process_name(pid)};
}

WorkerProcess start_program(const std::string& wish_file, int threads, const std::string& card) {
  const auto out = new_pipe();
  const auto self = std::filesystem::read_symlink("/proc/self/exe").string();
  const auto count = std::to_string(threads);
  const pid_t parent = getpid(), pid = fork();
  if (pid < 0) fail("no process for a worker: {}", std::strerror(errno));
  if (pid == 0) {
    tie_to(parent);
    dup2(out.write, STDOUT_FILENO);
    setenv("OMP_NUM_THREADS", count.c_str(), 1);
    show_only(card);
    execl(self.c_str(), self.c_str(), "worker", wish_file.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  return heard_by_us(pid, out);
}

}  // namespace

WorkerSource::WorkerSource() {
  std::cout.flush();
  std::fflush(nullptr);  // or a child would print it again
  for (unsigned i = std::min(kMostWaiting, std::thread::hardware_concurrency()); i > 0; --i) add();
}

void WorkerSource::add() {
  if (!only_thread()) return;
  const auto in = new_pipe(), out = new_pipe();
  const pid_t parent = getpid(), pid = fork();
  if (pid == 0) {
    tie_to(parent);
    dup2(out.write, STDOUT_FILENO);
    for (const int end : {in.write, out.read, out.write}) close(end);
    for (const auto& w : waiting_) close(w.in), close(w.process.out);
    stand_by(in.read);
  }
  close(in.read);
  if (pid > 0) {
    waiting_.push_back({heard_by_us(pid, out), in.write});
    return;
  }
  for (const int end : {in.write, out.read, out.write}) close(end);  // a program is tried later
}

WorkerSource::~WorkerSource() {
  for (const auto& w : waiting_) {
    close(w.in);
    close(w.process.out);
    waitpid(w.process.pid, nullptr, 0);
  }
}

WorkerProcess WorkerSource::start(const std::string& wish_file, int threads,
                                  const std::string& card) {
  while (!waiting_.empty()) {
    const auto w = waiting_.back();
    waiting_.pop_back();
    const bool there = waitpid(w.process.pid, nullptr, WNOHANG) == 0;
    const auto order = std::to_string(threads) + "\n" + wish_file + "\n" + card + "\n";
    const auto told = there ? write(w.in, order.data(), order.size()) : 0;
    close(w.in);
    if (told == static_cast<ssize_t>(order.size())) return w.process;
    close(w.process.out);  // somebody ended it meanwhile
  }
  return start_program(wish_file, threads, card);
}

}  // namespace bench
