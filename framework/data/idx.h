#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

namespace bench {

/// Images [first, first + count) of an IDX file (yann.lecun.com/exdb/mnist: magic number, sizes big
/// end first, bytes), gzipped or plain, with their labels.
struct IdxImages {
  int64_t count = 0, rows = 0, columns = 0;
  std::string pixels;  // [count, rows, columns] bytes
  std::string labels;  // [count] bytes
};

/// count 0: to the end. What the header says is believed only as far as bytes are there; a file
/// that is none, of unequal counts or with fewer images than are asked for is an Error.
IdxImages read_idx(const std::filesystem::path& images, const std::filesystem::path& labels,
                   int64_t first, int64_t count);

}  // namespace bench
