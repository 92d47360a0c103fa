#include "data/images.h"

#include <cmath>

#include "base/error.h"
#include "data/data.h"
#include "data/idx.h"
#include "formats/mapped_file.h"
#include "data/shapes.h"

namespace bench {
namespace {

bool is_archive(const std::filesystem::path& file) {
  const auto name = file.filename().string();
  return name.ends_with(".tar") || name.ends_with(".tar.gz") || name.ends_with(".tgz");
}

Batch read_idx_images(const std::filesystem::path& file, int64_t first, int64_t count) {
  const auto found = read_idx(file, idx_labels(file), first, count);
  const auto bytes = [](const std::string& s, at::IntArrayRef shape) {
    return at::from_blob(const_cast<char*>(s.data()), shape, at::kByte);
  };
  Batch batch;
  batch.images =
      bytes(found.pixels, {found.count, 1, found.rows, found.columns}).to(at::kFloat).contiguous();
  batch.labels = bytes(found.labels, {found.count}).to(at::kLong);
  return batch;
}

}  // namespace

Schema ImageSource::keys() {
  return {key("resize", 0,
              "images: shorter side, bilinear with antialiasing as torchvision's evaluation; 0: as "
              "they are")
              .range(0, 4096)
              .in("pixels"),
          key("center_crop", 0, "images: the square cut out of the middle; 0: nothing is cut off")
              .range(0, 4096)
              .in("pixels")};
}

ImageSource ImageSource::from(const Config& c) {
  return {c.get<std::string>("file"), c.get<int64_t>("resize"), c.get<int64_t>("center_crop")};
}

void ImageSource::check() const {
  const auto path = data_file(file);
  if (is_made(file))
    ShapesAddress::parse(file);
  else if (is_idx(path))
    data_file(idx_labels(path).string());
}

Tensor evaluation_size(const Tensor& images, const ImageSource& how) {
  auto x = images;
  const auto h = x.size(2), w = x.size(3), least = std::min(h, w);
  if (how.resize > 0 && how.resize != least) {
    const auto other = how.resize * std::max(h, w) / least;
    x = at::_upsample_bilinear2d_aa(x, {h <= w ? how.resize : other, h <= w ? other : how.resize},
                                    false)
            .round()
            .clamp(0, 255);
  }
  const auto n = how.center_crop;
  if (n == 0) return x;
  if (n > x.size(2) || n > x.size(3))
    fail("center_crop: {} pixels cannot be cut out of images of {} x {}; a larger resize may help",
         n, x.size(2), x.size(3));
  const auto middle = [&](int64_t side) {  // Python's round: halves to even
    return static_cast<int64_t>(std::nearbyint(static_cast<double>(side - n) / 2));
  };
  return x.narrow(2, middle(x.size(2)), n).narrow(3, middle(x.size(3)), n).contiguous();
}

Batch read_images(const ImageSource& source, int64_t first, int64_t count) {
  const auto path = data_file(source.file);
  if (std::filesystem::is_directory(path) || is_archive(path))
    return read_pictures(source, first, count);
  auto batch = is_made(source.file) ? draw_shapes(ShapesAddress::parse(source.file), first, count)
               : is_idx(path)       ? read_idx_images(path, first, count)
                                    : read_cifar(source.file, first, count);
  if (source.resize == 0 && source.center_crop == 0) return batch;
  if (batch.labels.dim() > 1)
    fail("{}: resize and center_crop would leave boxes behind; set `size` in its address",
         source.file);
  batch.images = evaluation_size(batch.images, source);
  return batch;
}

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
