#pragma once
// Pictures from any bytes, as a JPEG, a tar archive of JPEGs and IDX: refused with bench::Error, or
// read whole.
#include <cstdlib>

#include "base/error.h"
#include "data/idx.h"
#include "formats/jpeg.h"
#include "formats/tar.h"
#include "scratch.h"

namespace bench::fuzz {

/// Not an Error, which the reader may give: a finding.
inline void hold(bool promise) {
  if (!promise) std::abort();
}

inline void picture_bytes(const std::string& bytes) {
  static const Scratch scratch;
  const auto decode = [](const std::string& jpeg, const std::string& name) {
    const auto p = decode_jpeg(jpeg, name);
    hold(p.height > 0 && p.width > 0 && p.height * p.width <= 1 << 24 &&
         p.rgb.size() == static_cast<size_t>(3 * p.height * p.width));
  };
  try {
    decode(bytes, "x.jpg");
  } catch (const Error&) {
  }
  const auto file = scratch.write("x-idx3", bytes);
  try {
    walk_tar(file, [&](const std::string& name, uint64_t, const auto& content) {
      if (name.ends_with("jpg")) decode(content(), name);
    });
  } catch (const Error&) {
  }
  // As many labels as the images say, all 0, of which 64 are there.
  std::string labels("\0\0\x08\x01", 4);
  labels += bytes.size() < 8 ? std::string(4, '\0') : bytes.substr(4, 4);
  try {
    const auto idx = read_idx(file, scratch.write("x-idx1", labels + std::string(64, '\0')), 0, 0);
    hold(idx.labels.size() == static_cast<size_t>(idx.count) &&
         idx.pixels.size() == static_cast<size_t>(idx.count * idx.rows * idx.columns));
  } catch (const Error&) {
  }
}

}  // namespace bench::fuzz
