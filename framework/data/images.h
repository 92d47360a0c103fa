#pragma once
#include <string>

#include "config/config.h"
#include "core/batch.h"

namespace bench {

/// Where images with labels come from; what it is, is told by the name of the file:
///   *idx3*                     IDX (MNIST), plain or gzipped, labels beside it (io/data.h)
///   a folder, .tar, .tar.gz    JPEG files; a picture's class is the folder it lies in, classes and
///                              files by name; the first of every class, then the second of each
///   shapes:seed=0,count=512    drawn pictures with boxes (io/shapes.h)
///   anything else              CIFAR-10 binary: records of 3,073 bytes, label and planes R, G, B
struct ImageSource {
  std::string file;
  int64_t resize = 0;       // shorter side in pixels, bilinear with antialiasing; 0: as they are
  int64_t center_crop = 0;  // the square that is cut out of the middle; 0: nothing is cut off

  /// Keys beside the one that names the file.
  static Schema keys();
  static ImageSource from(const Config& c);
  /// Missing files and unknown addresses: found while a sweep is planned.
  void check() const;
};

/// Images [first, first + count), 0 to the end: float32 0..255 [n, c, h, w]; labels as batch.h has
/// them. Sizes that differ, counts that are not there and damaged files are an Error.
Batch read_images(const ImageSource& source, int64_t first, int64_t count);

/// The same of a CIFAR-10 binary file alone.
Batch read_cifar(const std::string& file, int64_t first, int64_t count);

/// Of JPEG files in a folder or a tar archive.
Batch read_pictures(const ImageSource& source, int64_t first, int64_t count);

/// What torchvision's evaluation does: the shorter side to `resize` (the longer one is cut to a
/// whole number), bilinear with antialiasing, rounded to bytes; then the square of the middle.
/// images: [n, c, h, w]. Pillow rounds between its two passes, so that single values differ by one.
Tensor evaluation_size(const Tensor& images, const ImageSource& source);

}  // namespace bench
