#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace bench {

/// Pixels of a picture: [height, width, 3] bytes, RGB.
struct Pixels {
  int64_t height = 0, width = 0;
  std::vector<uint8_t> rgb;
};

/// Decodes a JPEG with libjpeg's accurate integer transform and smooth chroma, as PIL does; grey
/// pictures become RGB. At most 2^24 pixels and 100 scans. Damaged and truncated files, and those
/// with four colour channels, are an Error that begins with `name`.
Pixels decode_jpeg(const std::string& bytes, const std::string& name);

}  // namespace bench
