#include "formats/jpeg.h"

#include <jerror.h>
#include <jpeglib.h>

#include <csetjmp>
#include <cstdio>

#include "base/error.h"

namespace bench {
namespace {

constexpr uint64_t kMostPixels = 1 << 24;
constexpr int kMostScans = 100;  // a progressive file may ask for thousands of passes

/// libjpeg reports through functions that must not return, nor throw through C.
struct Reporter {
  jpeg_error_mgr base;
  std::jmp_buf back;
  char said[JMSG_LENGTH_MAX];
};

[[noreturn]] void stop(j_common_ptr info) {
  auto* r = reinterpret_cast<Reporter*>(info->err);
  (*r->base.format_message)(info, r->said);
  std::longjmp(r->back, 1);
}

/// Warnings are damage, but for what changes no pixel.
void warn(j_common_ptr info, int level) {
  const int code = info->err->msg_code;
  if (level >= 0 || code == JWRN_EXTRANEOUS_DATA || code == JWRN_ADOBE_XFORM ||
      code == JWRN_JFIF_MAJOR)
    return;
  stop(info);
}

void count_scans(j_common_ptr info) {
  auto* d = reinterpret_cast<j_decompress_ptr>(info);
  if (d->input_scan_number <= kMostScans) return;
  auto* r = reinterpret_cast<Reporter*>(info->err);
  std::snprintf(r->said, sizeof r->said, "more than %d scans", kMostScans);
  std::longjmp(r->back, 1);
}

void silent(j_common_ptr) {}

/// Why it cannot be decoded; empty: it was. Only plain data lives between setjmp and longjmp.
const char* decode(const std::string& bytes, Reporter& reporter, jpeg_decompress_struct& d,
                   Pixels& out) {
  if (setjmp(reporter.back)) return reporter.said;
  jpeg_create_decompress(&d);
  static const auto monitor = [] {
    jpeg_progress_mgr m{};
    m.progress_monitor = count_scans;
    return m;
  }();
  auto progress = monitor;
  d.progress = &progress;
  jpeg_mem_src(&d, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_read_header(&d, TRUE);
  if (uint64_t{d.image_width} * d.image_height > kMostPixels) return "more than 2^24 pixels";
  if (d.num_components != 1 && d.num_components != 3)
    return "four colour channels; convert it to RGB first";
  d.out_color_space = JCS_RGB;
  d.dct_method = JDCT_ISLOW;
  jpeg_start_decompress(&d);
  out.height = d.output_height, out.width = d.output_width;
  const auto row = static_cast<size_t>(out.width) * 3;
  while (d.output_scanline < d.output_height) {
    const auto at = out.rgb.size();
    out.rgb.resize(at + row);
    JSAMPROW to = out.rgb.data() + at;
    jpeg_read_scanlines(&d, &to, 1);
  }
  jpeg_finish_decompress(&d);
  return nullptr;
}

}  // namespace

Pixels decode_jpeg(const std::string& bytes, const std::string& name) {
  Reporter reporter{};
  jpeg_decompress_struct d{};
  d.err = jpeg_std_error(&reporter.base);
  reporter.base.error_exit = stop;
  reporter.base.emit_message = warn;
  reporter.base.output_message = silent;
  Pixels out;
  const char* why = decode(bytes, reporter, d, out);
  jpeg_destroy_decompress(&d);
  if (why) fail("{}: cannot be read as JPEG: {}", name, why);
  return out;
}

}  // namespace bench
