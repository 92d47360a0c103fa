#include "tensor/pages.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>

#include "base/error.h"

namespace bench {
namespace {

constexpr size_t kSmall = 1 << 20;  // below it a mapping costs more than it gives back

struct Ranges {
  std::mutex guard;
  std::map<const char*, size_t> all;  // begin -> bytes
};
Ranges& ranges() {
  static Ranges& r = *new Ranges;  // tensors of static storage are let go after everything else
  return r;
}

/// The bytes of a tensor, where they lie together.
std::pair<char*, size_t> bytes_of(const Tensor& t) {
  if (!t.defined() || !t.is_cpu() || t.numel() == 0 || !t.is_non_overlapping_and_dense())
    return {nullptr, 0};
  return {static_cast<char*>(t.data_ptr()), t.nbytes()};
}

std::filesystem::path scratch_folder() {
  const char* given = std::getenv("BENCH_SCRATCH");
  if (given && *given) return given;
  std::error_code ignored;  // not the temporary folder: that may be memory itself
  return std::filesystem::is_directory("/var/tmp", ignored)
             ? "/var/tmp"
             : std::filesystem::temp_directory_path();
}

/// An open file without a name.
int scratch_file() {
  const auto folder = scratch_folder();
  int fd = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0) {  // a file system that knows no files without names
    auto name = (folder / "prunebench-XXXXXX").string();
    fd = mkostemp(name.data(), O_CLOEXEC);
    if (fd >= 0) ::unlink(name.c_str());
  }
  if (fd < 0)
    fail("{}: no scratch file can be made there ({}); set BENCH_SCRATCH to a folder with room",
         folder.string(), std::strerror(errno));
  return fd;
}

void write_all(int fd, const char* data, size_t bytes) {
  while (bytes > 0) {
    const auto wrote = ::write(fd, data, bytes);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) {
      const int why = errno;
      ::close(fd);
      fail("{}: a scratch file cannot be written ({}); set BENCH_SCRATCH to a folder with room",
           scratch_folder().string(), std::strerror(why));
    }
    data += wrote;
    bytes -= static_cast<size_t>(wrote);
  }
}

}  // namespace

MappedRange::MappedRange(const void* begin, size_t bytes)
    : begin_(static_cast<const char*>(begin)) {
  const std::lock_guard lock(ranges().guard);
  ranges().all[begin_] = bytes;
}

MappedRange::~MappedRange() {
  const std::lock_guard lock(ranges().guard);
  ranges().all.erase(begin_);
}

bool is_mapped(const Tensor& t) {
  const auto [data, bytes] = bytes_of(t);
  if (!data) return false;
  const std::lock_guard lock(ranges().guard);
  auto at = ranges().all.upper_bound(data);
  if (at == ranges().all.begin()) return false;
  --at;
  return data + bytes <= at->first + at->second;
}

void rest(const Tensor& t) {
  if (!is_mapped(t)) return;
  const auto [data, bytes] = bytes_of(t);
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<uintptr_t>(data) + page - 1) / page * page;
  const auto end = (reinterpret_cast<uintptr_t>(data) + bytes) / page * page;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

Tensor stow(const Tensor& given) {
  if (!given.defined() || !given.is_cpu() || given.nbytes() < kSmall || is_mapped(given))
    return given;
  const auto t = given.detach().contiguous();
  const auto bytes = t.nbytes();
  const int fd = scratch_file();
  write_all(fd, static_cast<const char*>(t.const_data_ptr()), bytes);
  // Private and writable, as formats/mapped_file.cpp maps checkpoints.
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  const int why = errno;
  ::close(fd);
  if (data == MAP_FAILED) fail("a scratch file cannot be mapped: {}", std::strerror(why));
  auto range = std::make_shared<MappedRange>(data, bytes);
  return at::from_blob(
      data, t.sizes(),
      [range, bytes](void* place) mutable {
        range.reset();
        munmap(place, bytes);
      },
      t.options());
}

}  // namespace bench
