#include "io/images.h"

#include "base/error.h"
#include "io/data.h"
#include "io/mapped_file.h"

namespace bench {

Batch read_cifar(const std::string& name, int64_t first, int64_t count) {
  constexpr int64_t kRecord = 3073;
  const auto file = MappedFile::open(data_file(name).string());
  const auto records = static_cast<int64_t>(file->size()) / kRecord;
  if (records == 0 || static_cast<int64_t>(file->size()) % kRecord != 0)
    fail("{}: is no CIFAR-10 binary file: {} bytes are no multiple of {}", file->path(),
         file->size(), kRecord);
  if (count == 0) count = records - first;
  if (first < 0 || count <= 0 || first + count > records)
    fail("{}: has {} images; {} to {} were asked for", file->path(), records, first, first + count);
  auto* begin = const_cast<uint8_t*>(file->data()) + first * kRecord;
  const auto all = at::from_blob(begin, {count, kRecord}, at::kByte);
  Batch batch;
  batch.labels = all.select(1, 0).to(at::kLong);
  batch.images = all.slice(1, 1).to(at::kFloat).reshape({count, 3, 32, 32}).contiguous();
  if (batch.labels.max().item<int64_t>() > 9)
    fail("{}: holds a label above 9: it is no CIFAR-10 file", file->path());
  return batch;
}

}  // namespace bench
