#pragma once
// Files of pictures, made in memory: JPEG, tar, IDX, gzip.
// clang-format off
#include <cstdio>  // jpeglib.h needs FILE
#include <jpeglib.h>
// clang-format on
#include <zlib.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "base/error.h"

namespace bench::test {

/// A smooth picture as a JPEG of that quality; components 1: grey.
inline std::string make_jpeg(unsigned width, unsigned height, int components = 3, int quality = 95,
                             bool progressive = false) {
  jpeg_compress_struct c{};
  jpeg_error_mgr errors{};
  c.err = jpeg_std_error(&errors);
  jpeg_create_compress(&c);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&c, &bytes, &size);
  c.image_width = width, c.image_height = height;
  c.input_components = components;
  c.in_color_space = components == 1 ? JCS_GRAYSCALE : components == 3 ? JCS_RGB : JCS_CMYK;
  jpeg_set_defaults(&c);
  jpeg_set_quality(&c, quality, TRUE);
  if (progressive) jpeg_simple_progression(&c);
  jpeg_start_compress(&c, TRUE);
  std::vector<unsigned char> row(width * static_cast<size_t>(components));
  for (unsigned y = 0; y < height; ++y) {
    for (size_t i = 0; i < row.size(); ++i)
      row[i] = static_cast<unsigned char>((i * 3 + y * 5) % 200 / 2 + 60);
    JSAMPROW from = row.data();
    jpeg_write_scanlines(&c, &from, 1);
  }
  jpeg_finish_compress(&c);
  std::string all(reinterpret_cast<char*>(bytes), size);
  jpeg_destroy_compress(&c);
  std::free(bytes);
  return all;
}

inline std::string octal_field(uint64_t value, size_t length) {
  std::string s(length - 1, '0');
  for (size_t i = length - 1; i-- > 0; value /= 8) s[i] = static_cast<char>('0' + value % 8);
  return s + '\0';
}

/// One file of a tar archive, filled up to whole blocks.
inline std::string tar_entry(const std::string& name, const std::string& content, char type = '0') {
  std::string head(512, '\0');
  head.replace(0, std::min<size_t>(name.size(), 100), name.substr(0, 100));
  head.replace(100, 8, octal_field(0644, 8));
  head.replace(124, 12, octal_field(content.size(), 12));
  head[156] = type;
  head.replace(257, 5, "ustar");
  head.replace(263, 2, "00");
  head.replace(148, 8, std::string(8, ' '));
  uint64_t sum = 0;
  for (const char c : head) sum += static_cast<unsigned char>(c);
  head.replace(148, 8, octal_field(sum, 7) + " ");
  return head + content + std::string((512 - content.size() % 512) % 512, '\0');
}
inline std::string tar_end() {
  return std::string(1024, '\0');
}

/// An IDX file of bytes: sizes, then bytes that count up.
inline std::string make_idx(const std::vector<uint32_t>& sizes, size_t bytes) {
  std::string s{'\0', '\0', 8, static_cast<char>(sizes.size())};
  for (const auto n : sizes)
    for (int shift = 24; shift >= 0; shift -= 8) s += static_cast<char>(n >> shift & 255);
  for (size_t i = 0; i < bytes; ++i) s += static_cast<char>(i % 10);
  return s;
}

inline void write_bytes(const std::string& file, const std::string& bytes, bool packed = false) {
  if (!packed) {
    std::ofstream(file, std::ios::binary) << bytes;
    return;
  }
  const auto out = gzopen(file.c_str(), "wb");
  if (!out || gzwrite(out, bytes.data(), static_cast<unsigned>(bytes.size())) == 0)
    fail("{}: cannot be written", file);
  gzclose(out);
}

}  // namespace bench::test
