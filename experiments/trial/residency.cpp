#include "trial/residency.h"

#include <fstream>
#include <limits>

#include "models/checkpoint.h"

namespace bench {
namespace {

namespace fs = std::filesystem;

/// The first number of a file; -1 where there is none ("max").
int64_t number_in(const fs::path& file) {
  std::ifstream in(file);
  int64_t value = -1;
  return in >> value ? value : -1;
}

/// MemAvailable of proc(5), in bytes.
int64_t available() {
  std::ifstream in("/proc/meminfo");
  for (std::string word; in >> word;)
    if (int64_t kilobytes = 0; word == "MemAvailable:" && in >> kilobytes) return kilobytes * 1024;
  return std::numeric_limits<int64_t>::max();
}

/// A number beside a word in a file of lines "word number"; 0 where the word is not there.
int64_t beside(const fs::path& file, const std::string& wanted) {
  std::ifstream in(file);
  std::string word;
  for (int64_t value = 0; in >> word >> value;)
    if (word == wanted) return value;
  return 0;
}

/// What is left below the limits of one group and of those above it. Pages that files stand behind
/// count as free: they leave when somebody needs the room.
int64_t left_below(const fs::path& root, const std::string& group, const char* limit_file,
                   const char* taken) {
  auto least = std::numeric_limits<int64_t>::max();
  for (auto at = root / group.substr(1);; at = at.parent_path()) {
    if (const auto limit = number_in(at / limit_file); limit >= 0)
      least = std::min(least, std::max<int64_t>(0, limit - beside(at / "memory.stat", taken)));
    if (at == root || at == at.parent_path() || at.string().size() <= root.string().size()) break;
  }
  return least;
}

/// Below the limits of this process's control groups, of either version (cgroups(7)).
int64_t left_in_groups() {
  auto least = std::numeric_limits<int64_t>::max();
  std::ifstream in("/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    const auto group = line.substr(std::min(line.size(), line.rfind(':') + 1));
    if (!group.starts_with("/")) continue;
    if (line.starts_with("0::"))
      least = std::min(least, left_below("/sys/fs/cgroup", group, "memory.max", "anon"));
    else if (line.find(":memory:") != std::string::npos)
      least = std::min(
          least, left_below("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes", "total_rss"));
  }
  return least;
}

}  // namespace

int64_t free_memory() {
  return std::min(available(), left_in_groups());
}

int64_t whole_bytes(const fs::path& model, at::ScalarType compute) {
  int64_t weights = 0;
  for (const auto& [name, t] : read_checkpoint(model).tensors) weights += t.numel();
  return weights * (2 * static_cast<int64_t>(c10::elementSize(compute)) + 1);
}

bool lives_by_block(const fs::path& model, at::ScalarType compute, const std::string& asked) {
  if (asked != "auto") return asked == "block";
  std::error_code ignored;
  int64_t stored = 0;  // a small file is not opened to find out
  for (const auto& f : files_of_model(model))
    stored += static_cast<int64_t>(fs::file_size(f, ignored));
  constexpr int64_t kSmall = int64_t{256} << 20;
  return stored > kSmall && whole_bytes(model, compute) > free_memory() / 5 * 4;
}

}  // namespace bench
