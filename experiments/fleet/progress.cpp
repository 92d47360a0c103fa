#include "fleet/progress.h"

#include <fmt/ranges.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

#include "base/printable.h"

namespace bench {
namespace {

std::string clock_text(double seconds) {
  const auto s = static_cast<int64_t>(seconds);
  return s < 3600 ? fmt::format("{}:{:02}", s / 60, s % 60)
                  : fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

}  // namespace

RunProgress::RunProgress(const std::vector<TrialPlan>& trials)
    : total_(static_cast<int64_t>(trials.size())), terminal_(isatty(STDERR_FILENO) != 0) {
  for (const auto& t : trials)
    names_[t.spec.id] = printable(
        fmt::format("{} {} {} {:g}", t.spec.model, t.spec.method, t.spec.pattern, t.spec.sparsity));
}

void RunProgress::already(int64_t done) {
  done_ = done;
}

void RunProgress::start(const std::string& worker, const std::string& trial) {
  trials_[worker] = trial;
  doing_[worker] = names_[trial];
}

void RunProgress::step(const std::string& worker, const std::string& phase, int64_t done,
                       int64_t of) {
  doing_[worker] =
      fmt::format("{} [{} {}/{}]", names_[trials_[worker]], printable(phase), done, of);
}

void RunProgress::finish(const std::string& worker, const std::string& trial,
                         const std::string& why) {
  doing_.erase(worker);
  ++done_;
  ++here_;
  if (why.empty()) return;
  wipe();
  std::fprintf(stderr, "failed: %s (trial %s): %s\n", names_[trial].c_str(), trial.c_str(),
               printable_lines(why).c_str());
}

void RunProgress::again(const std::string& worker, const std::string& trial,
                        const std::string& why) {
  doing_.erase(worker);
  wipe();
  std::fprintf(stderr, "again: %s (trial %s): %s\n", names_[trial].c_str(), trial.c_str(),
               printable_lines(why).c_str());
}

void RunProgress::failed_task(const std::string& trial, const std::string& task,
                              const std::string& why) {
  wipe();
  std::fprintf(stderr, "failed: task %s of %s (trial %s): %s\n", printable(task).c_str(),
               names_[trial].c_str(), trial.c_str(), printable_lines(why).c_str());
}

void RunProgress::say(const std::string& worker, const std::string& what) {
  doing_[worker] = what;
}

void RunProgress::leave(const std::string& worker) {
  doing_.erase(worker);
}

void RunProgress::tick() {
  const auto now = Clock::now();
  const auto pause = terminal_ ? std::chrono::milliseconds(250) : std::chrono::seconds(30);
  if (now - last_ < pause || now - begin_ < std::chrono::seconds(1)) return;
  last_ = now;
  const double seconds = std::chrono::duration<double>(now - begin_).count();
  const double left = here_ > 0 ? seconds / double(here_) * double(total_ - done_) : 0;
  auto line = fmt::format("{}/{} trials  {}{}", done_, total_, clock_text(seconds),
                          here_ > 0 ? "  about " + clock_text(left) + " left" : "");
  for (const auto& [worker, what] : doing_) line += "  |  " + what;
  if (!terminal_) {
    std::fprintf(stderr, "%s\n", line.c_str());
    return;
  }
  struct winsize size {};
  ioctl(STDERR_FILENO, TIOCGWINSZ, &size);
  const size_t width = size.ws_col > 1 ? size.ws_col - 1u : 79u;
  if (line.size() > width) line.resize(width);
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
  std::fflush(stderr);
  drawn_ = true;
}

void RunProgress::wipe() {
  if (drawn_) std::fputs("\r\033[K", stderr);
  drawn_ = false;
}

void RunProgress::end() {
  wipe();
}

}  // namespace bench
