#pragma once
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace bench::fuzz {

inline double processor_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// An input that takes more processor time is a finding: libFuzzer's own -timeout counts whole
/// seconds. The program runs under sanitizers, two to five times slower than a release build.
class TimeLimit {
 public:
  explicit TimeLimit(double seconds) : begin_(processor_seconds()), limit_(seconds) {}
  ~TimeLimit() {
    const double took = processor_seconds() - begin_;
    if (took <= limit_) return;
    std::fprintf(stderr, "an input took %.0f ms of processor time\n", took * 1e3);
    std::abort();
  }
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;

 private:
  double begin_, limit_;
};

}  // namespace bench::fuzz
