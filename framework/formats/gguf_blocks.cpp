#include "formats/gguf_blocks.h"

#include <cstring>

#include "base/error.h"

namespace bench {
namespace {

constexpr int64_t kBlock = 32;

float half(const uint8_t* p) {
  uint16_t bits;
  std::memcpy(&bits, p, 2);
  return c10::detail::fp16_ieee_to_fp32_value(bits);
}

struct Format {
  uint32_t id;
  const char* name;
  uint64_t bytes;  // per block of 32
  void (*decode)(const uint8_t* block, float* out);
};

// Low nibbles are the first half of a block, high nibbles the second (smollm2.md 3).
void q4_0(const uint8_t* b, float* out) {
  const float d = half(b);
  for (int j = 0; j < 16; ++j) {
    out[j] = d * static_cast<float>((b[2 + j] & 15) - 8);
    out[16 + j] = d * static_cast<float>((b[2 + j] >> 4) - 8);
  }
}
void q4_1(const uint8_t* b, float* out) {
  const float d = half(b), m = half(b + 2);
  for (int j = 0; j < 16; ++j) {
    out[j] = d * static_cast<float>(b[4 + j] & 15) + m;
    out[16 + j] = d * static_cast<float>(b[4 + j] >> 4) + m;
  }
}
void q8_0(const uint8_t* b, float* out) {
  const float d = half(b);
  for (int j = 0; j < 32; ++j) out[j] = d * static_cast<float>(static_cast<int8_t>(b[2 + j]));
}
void f32(const uint8_t* b, float* out) {
  std::memcpy(out, b, 128);
}
void f16(const uint8_t* b, float* out) {
  for (int j = 0; j < 32; ++j) out[j] = half(b + 2 * j);
}
void bf16(const uint8_t* b, float* out) {
  for (int j = 0; j < 32; ++j) {
    uint16_t bits;
    std::memcpy(&bits, b + 2 * j, 2);
    const uint32_t wide = static_cast<uint32_t>(bits) << 16;
    std::memcpy(out + j, &wide, 4);
  }
}

const Format kFormats[] = {{0, "F32", 128, f32},  {1, "F16", 64, f16},   {2, "Q4_0", 18, q4_0},
                           {3, "Q4_1", 20, q4_1}, {8, "Q8_0", 34, q8_0}, {30, "BF16", 64, bf16}};

}  // namespace

Tensor dequantise(const MappedFile& file, const std::string& name, uint32_t type,
                  const std::vector<int64_t>& shape, uint64_t offset) {
  const Format* format = nullptr;
  for (const auto& f : kFormats)
    if (f.id == type) format = &f;
  if (!format)
    fail(
        "{}: tensor {} has the quantisation type {}; supported are F32, F16, BF16, Q4_0, Q4_1, "
        "Q8_0",
        file.path(), name, type);
  int64_t total = 1;
  for (const auto d : shape) total *= d;
  const bool quantised = type == 2 || type == 3 || type == 8;
  if (quantised && shape.back() % kBlock != 0)
    fail("{}: tensor {}: rows of {} weights do not split into blocks of 32", file.path(), name,
         shape.back());
  const int64_t blocks = total / kBlock, rest = total % kBlock;
  const uint64_t bytes = static_cast<uint64_t>(blocks) * format->bytes +
                         static_cast<uint64_t>(rest) * (format->bytes / kBlock);
  if (offset > file.size() || bytes > file.size() - offset)
    fail("{}: tensor {} runs past the end of the file, which may be truncated", file.path(), name);
  auto out = at::empty(shape, at::kFloat);
  float* to = out.mutable_data_ptr<float>();
  const uint8_t* from = file.data() + offset;
  at::parallel_for(0, blocks, 1024, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b)
      format->decode(from + static_cast<uint64_t>(b) * format->bytes, to + b * kBlock);
  });
  if (rest > 0) {  // only unquantised types get here
    uint8_t block[128] = {};
    float last[kBlock];
    std::memcpy(block, from + static_cast<uint64_t>(blocks) * format->bytes,
                static_cast<size_t>(rest) * (format->bytes / kBlock));
    format->decode(block, last);
    std::copy(last, last + rest, to + blocks * kBlock);
  }
  file.drop(offset, bytes);
  return out;
}

}  // namespace bench
