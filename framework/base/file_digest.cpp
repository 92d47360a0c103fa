#include "base/file_digest.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <mutex>

#include "base/clock.h"
#include "base/digest.h"

namespace bench {
namespace {

constexpr double kSettled = 0.1;  // seconds after which no earlier change hides in the same tick

std::mutex lock;
std::map<std::string, KnownFile>& known() {
  static std::map<std::string, KnownFile> all;
  return all;
}

double seconds(const timespec& t) {
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// The stamp, and whether the file has been left alone for a while.
std::pair<std::string, bool> look(const std::string& path) {
  struct stat s {};
  if (stat(path.c_str(), &s) != 0) return {"", false};
  const double last = std::max(seconds(s.st_mtim), seconds(s.st_ctim));
  return {fmt::format("{}:{}:{}:{}.{}:{}.{}", s.st_dev, s.st_ino, s.st_size, s.st_mtim.tv_sec,
                      s.st_mtim.tv_nsec, s.st_ctim.tv_sec, s.st_ctim.tv_nsec),
          unix_now() - last > kSettled};
}

}  // namespace

std::string stamp_of_file(const std::string& path) {
  return look(path).first;
}

std::vector<KnownFile> known_files() {
  const std::lock_guard guard(lock);
  std::vector<KnownFile> all;
  for (const auto& [path, file] : known()) all.push_back(file);
  return all;
}

void know_files(const std::vector<KnownFile>& files) {
  const std::lock_guard guard(lock);
  for (const auto& f : files) known()[f.path] = f;
}

std::string digest_of_file(const std::string& path) {
  std::error_code ignored;
  const auto whole = std::filesystem::absolute(path, ignored).string();
  const auto [stamp, settled] = look(path);
  {
    const std::lock_guard guard(lock);
    const auto it = known().find(whole);
    if (it != known().end() && it->second.stamp == stamp) return it->second.digest;
  }
  auto digest = sha256_file(path);
  if (settled && stamp_of_file(path) == stamp) know_files({{whole, stamp, digest}});
  return digest;
}

}  // namespace bench
