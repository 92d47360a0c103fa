#include "formats/gguf_blocks.h"

#include <cstring>
#include <map>

#include "base/error.h"

namespace bench {
namespace {

float half(const uint8_t* p) {
  uint16_t bits;
  std::memcpy(&bits, p, 2);
  return c10::detail::fp16_ieee_to_fp32_value(bits);
}

struct Format {
  uint32_t id;
  const char* name;
  int64_t weights;  // per block
  uint64_t bytes;   // per block
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

uint32_t word(const uint8_t* p) {
  uint32_t bits;
  std::memcpy(&bits, p, 4);
  return bits;
}
// The fifth bit of each weight stands in a word of its own (ggml-quants.c).
void q5(const uint8_t* nibbles, uint32_t high, int zero, float d, float least, float* out) {
  for (int j = 0; j < 16; ++j) {
    const auto first = static_cast<int>((nibbles[j] & 15u) | (high >> j & 1) << 4);
    const auto second = static_cast<int>((nibbles[j] >> 4u) | (high >> (j + 16) & 1) << 4);
    out[j] = d * static_cast<float>(first - zero) + least;
    out[16 + j] = d * static_cast<float>(second - zero) + least;
  }
}
void q5_0(const uint8_t* b, float* out) {
  q5(b + 6, word(b + 2), 16, half(b), 0, out);
}
void q5_1(const uint8_t* b, float* out) {
  q5(b + 8, word(b + 4), 0, half(b), half(b + 2), out);
}

// K types: 256 weights in sixteen or eight groups, each with a scale of few bits (ggml-quants.c,
// dequantize_row_q*_K).
void q2_k(const uint8_t* b, float* out) {
  const uint8_t *scales = b, *q = b + 16;
  const float d = half(b + 80), least = half(b + 82);
  for (int part = 0, group = 0; part < 2; ++part, q += 32)
    for (int shift = 0; shift < 8; shift += 2)
      for (int side = 0; side < 2; ++side, ++group)
        for (int l = 0; l < 16; ++l)
          *out++ = d * static_cast<float>(scales[group] & 15) *
                       static_cast<float>(q[16 * side + l] >> shift & 3) -
                   least * static_cast<float>(scales[group] >> 4);
}
void q3_k(const uint8_t* b, float* out) {
  const uint8_t *high = b, *q = b + 32, *packed = b + 96;
  const float d = half(b + 108);
  int scales[16];  // six bits each: four low ones in nibbles, two high ones in the last four bytes
  for (int i = 0; i < 16; ++i) {
    const int low = i < 8 ? packed[i] & 15 : packed[i - 8] >> 4;
    scales[i] = (low | (packed[8 + i % 4] >> (2 * (i / 4)) & 3) << 4) - 32;
  }
  int bit = 0;
  for (int part = 0, group = 0; part < 2; ++part, q += 32)
    for (int shift = 0; shift < 8; shift += 2, ++bit)
      for (int side = 0; side < 2; ++side, ++group)
        for (int l = 0; l < 16; ++l) {
          const int at = 16 * side + l;
          const int value = (q[at] >> shift & 3) - (high[at] >> bit & 1 ? 0 : 4);
          *out++ = d * static_cast<float>(scales[group]) * static_cast<float>(value);
        }
}
/// Scale and least value of a group of Q4_K and Q5_K, six bits each.
void scale_and_least(const uint8_t* packed, int group, int& scale, int& least) {
  if (group < 4) {
    scale = packed[group] & 63, least = packed[group + 4] & 63;
    return;
  }
  scale = (packed[group + 4] & 15) | (packed[group - 4] >> 6) << 4;
  least = (packed[group + 4] >> 4) | (packed[group] >> 6) << 4;
}
void q4_or_5_k(const uint8_t* b, const uint8_t* high, const uint8_t* q, float* out) {
  const float d = half(b), dmin = half(b + 2);
  for (int group = 0; group < 8; ++group) {
    int scale = 0, least = 0;
    scale_and_least(b + 4, group, scale, least);
    const uint8_t* nibbles = q + 32 * (group / 2);
    for (int l = 0; l < 32; ++l) {
      int value = group % 2 ? nibbles[l] >> 4 : nibbles[l] & 15;
      if (high) value += high[l] >> group & 1 ? 16 : 0;
      *out++ = d * static_cast<float>(scale) * static_cast<float>(value) -
               dmin * static_cast<float>(least);
    }
  }
}
void q4_k(const uint8_t* b, float* out) {
  q4_or_5_k(b, nullptr, b + 16, out);
}
void q5_k(const uint8_t* b, float* out) {
  q4_or_5_k(b, b + 16, b + 48, out);
}
void q6_k(const uint8_t* b, float* out) {
  const uint8_t *low = b, *high = b + 128;
  const auto* scales = reinterpret_cast<const int8_t*>(b + 192);
  const float d = half(b + 208);
  for (int part = 0; part < 2; ++part, low += 64, high += 32, scales += 8)
    for (int quarter = 0; quarter < 4; ++quarter)
      for (int l = 0; l < 32; ++l) {
        const int nibble = low[32 * (quarter % 2) + l];
        const int value =
            ((quarter < 2 ? nibble & 15 : nibble >> 4) | (high[l] >> (2 * quarter) & 3) << 4) - 32;
        *out++ = d * static_cast<float>(scales[2 * quarter + l / 16]) * static_cast<float>(value);
      }
}

const Format kFormats[] = {
    {0, "F32", 32, 128, f32},     {1, "F16", 32, 64, f16},      {2, "Q4_0", 32, 18, q4_0},
    {3, "Q4_1", 32, 20, q4_1},    {6, "Q5_0", 32, 22, q5_0},    {7, "Q5_1", 32, 24, q5_1},
    {8, "Q8_0", 32, 34, q8_0},    {10, "Q2_K", 256, 84, q2_k},  {11, "Q3_K", 256, 110, q3_k},
    {12, "Q4_K", 256, 144, q4_k}, {13, "Q5_K", 256, 176, q5_k}, {14, "Q6_K", 256, 210, q6_k},
    {30, "BF16", 32, 64, bf16}};

/// Names of what is not read, for the sentence (ggml.h, enum ggml_type).
std::string name_of(uint32_t type) {
  static const std::map<uint32_t, const char*> kOthers{
      {9, "Q8_1"},   {15, "Q8_K"},   {16, "IQ2_XXS"}, {17, "IQ2_XS"}, {18, "IQ3_XXS"},
      {19, "IQ1_S"}, {20, "IQ4_NL"}, {21, "IQ3_S"},   {22, "IQ2_S"},  {23, "IQ4_XS"},
      {24, "I8"},    {25, "I16"},    {26, "I32"},     {27, "I64"},    {28, "F64"},
      {29, "IQ1_M"}, {34, "TQ1_0"},  {35, "TQ2_0"},   {39, "MXFP4"}};
  const auto it = kOthers.find(type);
  return it == kOthers.end() ? std::to_string(type) : it->second;
}

}  // namespace

Tensor dequantise(const MappedFile& file, const std::string& name, uint32_t type,
                  const std::vector<int64_t>& shape, uint64_t offset) {
  const Format* format = nullptr;
  for (const auto& f : kFormats)
    if (f.id == type) format = &f;
  if (!format) {
    std::string known;
    for (const auto& f : kFormats) known += (known.empty() ? "" : ", ") + std::string(f.name);
    fail("{}: tensor {} has the quantisation type {}; supported are {}", file.path(), name,
         name_of(type), known);
  }
  int64_t total = 1;
  for (const auto d : shape) total *= d;
  const int64_t block = format->weights;
  const bool quantised = type > 1 && type != 30;
  if (quantised && shape.back() % block != 0)
    fail("{}: tensor {}: rows of {} weights do not split into blocks of {}", file.path(), name,
         shape.back(), block);
  const int64_t blocks = total / block, rest = total % block;
  const uint64_t bytes = static_cast<uint64_t>(blocks) * format->bytes +
                         static_cast<uint64_t>(rest) * format->bytes / static_cast<uint64_t>(block);
  if (offset > file.size() || bytes > file.size() - offset)
    fail("{}: tensor {} runs past the end of the file, which may be truncated", file.path(), name);
  auto out = at::empty(shape, at::kFloat);
  float* to = out.mutable_data_ptr<float>();
  const uint8_t* from = file.data() + offset;
  at::parallel_for(0, blocks, 1024, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b)
      format->decode(from + static_cast<uint64_t>(b) * format->bytes, to + b * block);
  });
  if (rest > 0) {  // only unquantised types get here
    uint8_t padded[128] = {};
    float last[32];
    std::memcpy(padded, from + static_cast<uint64_t>(blocks) * format->bytes,
                static_cast<size_t>(rest) * format->bytes / static_cast<size_t>(block));
    format->decode(padded, last);
    std::copy(last, last + rest, to + blocks * block);
  }
  file.drop(offset, bytes);
  return out;
}

}  // namespace bench
