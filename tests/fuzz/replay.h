#pragma once
// Every input of a corpus, once: `PROGRAM FOLDER` with a folder for each target. Fails where an
// input takes more than 100 ms of processor time or 200 MiB (`PROGRAM FOLDER 10`: ten times as
// much, for programs with sanitizers).
#include <sys/resource.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "limit.h"

namespace bench::fuzz {

inline double peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

inline std::string slurp(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

/// The number of inputs that were too slow or too large.
inline int replay(const std::filesystem::path& folder, void (*target)(const std::string&),
                  double factor) {
  int inputs = 0, bad = 0;
  double slowest = 0, largest = 0;
  std::string name;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto text = slurp(entry.path());
    const double mib = peak_mib(), start = processor_seconds();
    target(text);
    const double seconds = processor_seconds() - start, more = peak_mib() - mib;
    if (seconds > 0.1 * factor || more > 200 * factor) {
      std::printf("%s: %.3f s, %.0f MiB\n", entry.path().c_str(), seconds, more);
      ++bad;
    }
    if (seconds > slowest) name = entry.path().filename().string();
    slowest = std::max(slowest, seconds);
    largest = std::max(largest, more);
    ++inputs;
  }
  std::printf("%-16s %6d inputs, slowest %.1f ms (%s), most memory %.0f MiB\n",
              folder.filename().c_str(), inputs, slowest * 1e3, name.c_str(), largest);
  return inputs > 0 ? bad : 1;
}

}  // namespace bench::fuzz
