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

/// An input that takes more than 100 ms of processor time in a release build is a finding;
/// libFuzzer's own -timeout counts whole seconds. Under the sanitizers the same input takes four
/// times as long (measured: a range of 44,864 numbers, 122 ms and 31 ms).
class TimeLimit {
 public:
  TimeLimit() : begin_(processor_seconds()) {}
  ~TimeLimit() {
    const double took = processor_seconds() - begin_;
    if (took <= 0.4) return;
    std::fprintf(stderr, "an input took %.0f ms of processor time\n", took * 1e3);
    std::abort();
  }
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;

 private:
  double begin_;
};

}  // namespace bench::fuzz
