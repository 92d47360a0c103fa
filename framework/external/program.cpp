#include "external/program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/clock.h"
#include "base/error.h"

namespace bench {
namespace {

/// A closed pipe is an error of write(), not the end of the process, while this lives.
class NoSigpipe {
 public:
  NoSigpipe() {
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &ignore, &before_);
  }
  ~NoSigpipe() { sigaction(SIGPIPE, &before_, nullptr); }
  NoSigpipe(const NoSigpipe&) = delete;
  NoSigpipe& operator=(const NoSigpipe&) = delete;

 private:
  struct sigaction before_ {};
};

/// The end of what a file holds, as one line.
std::string last_line(int file) {
  const auto size = lseek(file, 0, SEEK_END);
  const auto from = std::max<off_t>(0, size - 400);
  std::string text(static_cast<size_t>(std::max<off_t>(0, size - from)), '\0');
  const auto got = pread(file, text.data(), text.size(), from);
  text.resize(got > 0 ? static_cast<size_t>(got) : 0);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.rfind('\n') == text.npos ? 0 : text.rfind('\n') + 1);
}

}  // namespace

Program::Program(std::vector<std::string> command, double timeout_seconds)
    : command_(std::move(command)), timeout_(timeout_seconds) {
  int to[2], from[2];
  if (pipe2(to, O_CLOEXEC) != 0) fail("{}: no pipe: {}", name(), std::strerror(errno));
  if (pipe2(from, O_CLOEXEC) != 0) {
    close(to[0]), close(to[1]);
    fail("{}: no pipe: {}", name(), std::strerror(errno));
  }
  said_ = memfd_create("said", MFD_CLOEXEC);
  std::vector<char*> words;
  for (auto& word : command_) words.push_back(word.data());
  words.push_back(nullptr);
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(to[0], STDIN_FILENO);
    dup2(from[1], STDOUT_FILENO);
    if (said_ >= 0) dup2(said_, STDERR_FILENO);
    execvp(words[0], words.data());
    const std::string why = std::string("cannot be started: ") + std::strerror(errno);
    (void)!write(STDERR_FILENO, why.data(), why.size());
    _exit(127);
  }
  close(to[0]), close(from[1]);
  in_ = to[1], out_ = from[0];
  if (pid_ < 0) give_up("no process for it");
  for (const int end : {in_, out_}) fcntl(end, F_SETFL, O_NONBLOCK);
}

Program::~Program() {
  if (in_ >= 0) close(in_);  // nothing more is asked: a program that is well made ends
  if (out_ >= 0) close(out_);
  if (pid_ > 0) {
    for (int i = 0; i < 50 && waitpid(pid_, nullptr, WNOHANG) == 0; ++i) usleep(2000);
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (said_ >= 0) close(said_);
}

std::string Program::name() const {
  return "the program '" + (command_.empty() ? std::string() : command_.back()) + "'";
}

void Program::give_up(const std::string& what) {
  const auto said = said_ >= 0 ? last_line(said_) : std::string();
  fail("{} {}{}{}", name(), what, said.empty() ? "" : "; it said: ", said);
}

void Program::wait_for(int end, short events) {
  pollfd one{end, events, 0};
  const double left = deadline_ - unix_now();
  const int ready = left > 0 ? poll(&one, 1, static_cast<int>(left * 1000) + 1) : 0;
  if (ready == 0) give_up(fmt::format("gave no answer within {} seconds", timeout_));
}

void Program::send(const char* bytes, size_t count) {
  const NoSigpipe quiet;
  while (count > 0) {
    const auto sent = write(in_, bytes, count);
    if (sent > 0) {
      bytes += sent, count -= static_cast<size_t>(sent);
    } else if (errno == EAGAIN || errno == EINTR) {
      wait_for(in_, POLLOUT);
    } else {
      usleep(20000);  // its last words may still be on their way
      give_up("ended before it was asked everything");
    }
  }
}

void Program::receive(char* bytes, size_t count) {
  while (count > 0) {
    const auto got = read(out_, bytes, count);
    if (got > 0) {
      bytes += got, count -= static_cast<size_t>(got);
    } else if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
      wait_for(out_, POLLIN);
    } else {
      usleep(20000);
      give_up("ended without an answer");
    }
  }
}

std::string Program::ask(const std::string& message, size_t most) {
  deadline_ = unix_now() + timeout_;
  uint64_t length = message.size();
  send(reinterpret_cast<const char*>(&length), sizeof length);
  send(message.data(), message.size());
  receive(reinterpret_cast<char*>(&length), sizeof length);
  if (length > most)
    give_up(fmt::format("answers with {} bytes; at most {} are expected", length, most));
  std::string answer(length, '\0');
  receive(answer.data(), answer.size());
  return answer;
}

}  // namespace bench
