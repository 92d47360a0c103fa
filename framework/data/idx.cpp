#include "data/idx.h"

#include "base/error.h"
#include "formats/gzip.h"

namespace bench {
namespace {

constexpr int64_t kMostSide = 1 << 14;      // rows, columns
constexpr int64_t kMostPixels = 1 << 28;    // asked for at once
constexpr int64_t kBytes = 8, kHeader = 4;  // element type "unsigned byte"; bytes of a size

int64_t big_end_first(const std::string& b, size_t at) {
  uint32_t v = 0;
  for (size_t i = 0; i < 4; ++i) v = v << 8 | static_cast<unsigned char>(b[at + i]);
  return v;
}

/// Sizes of an IDX file of so many dimensions.
std::string sizes(GzipReader& file, int dimensions) {
  const auto magic = big_end_first(file.read(kHeader), 0);
  if (magic != (kBytes << 8 | dimensions))
    fail("{}: is no IDX file of bytes in {} dimensions: its magic number is {:#x}", file.name(),
         dimensions, magic);
  return file.read(static_cast<size_t>(kHeader * dimensions));
}

}  // namespace

IdxImages read_idx(const std::filesystem::path& images_file,
                   const std::filesystem::path& labels_file, int64_t first, int64_t count) {
  GzipReader images(images_file), labels(labels_file);
  const auto head = sizes(images, 3);
  const auto all = big_end_first(head, 0), named = big_end_first(sizes(labels, 1), 0);
  if (all != named)
    fail("{}: has {} images, but {} has {} labels", images.name(), all, labels.name(), named);
  IdxImages found;
  found.rows = big_end_first(head, 4), found.columns = big_end_first(head, 8);
  if (found.rows < 1 || found.columns < 1 || found.rows > kMostSide || found.columns > kMostSide)
    fail("{}: images of {} x {} pixels", images.name(), found.rows, found.columns);
  if (count == 0) count = all - first;
  if (first < 0 || count <= 0 || first > all || count > all - first)
    fail("{}: has {} images; {} to {} were asked for", images.name(), all, first, first + count);
  const auto each = found.rows * found.columns;
  if (count > kMostPixels / each)
    fail("{}: {} images of {} x {} pixels at once are too many; ask for fewer", images.name(),
         count, found.rows, found.columns);
  found.count = count;
  images.skip(static_cast<size_t>(first * each));
  labels.skip(static_cast<size_t>(first));
  found.pixels = images.read(static_cast<size_t>(count * each));
  found.labels = labels.read(static_cast<size_t>(count));
  return found;
}

}  // namespace bench
