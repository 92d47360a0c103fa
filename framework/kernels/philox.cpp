#include "kernels/philox.h"

#include <algorithm>
#include <vector>

#include "tensor/tensor.h"
#include "kernels/box_muller.h"

namespace bench::kernels {
namespace {

/// The four words of blocks [first, first + blocks), one array a word.
struct Words {
  uint32_t *x0, *x1, *x2, *x3;
};

#if defined(__x86_64__)
#define BENCH_VECTORISED [[gnu::optimize("O3"), gnu::target_clones("avx512f", "avx2", "default")]]
#else
#define BENCH_VECTORISED
#endif

/// Round by round over a strip that stays in registers and the first-level cache.
BENCH_VECTORISED void fill_words(const Stream& s, uint64_t first, int64_t blocks,
                                 const Words& out) {
  constexpr int64_t kStrip = 64;
  uint32_t c0[kStrip], c1[kStrip], c2[kStrip], c3[kStrip];
  for (int64_t from = 0; from < blocks; from += kStrip) {
    for (int64_t i = 0; i < kStrip; ++i) {
      const uint64_t b = first + static_cast<uint64_t>(from + i);
      c0[i] = static_cast<uint32_t>(b), c1[i] = static_cast<uint32_t>(b >> 32);
      c2[i] = s.name_hash, c3[i] = static_cast<uint32_t>(s.purpose);
    }
    uint32_t k0 = static_cast<uint32_t>(s.seed), k1 = static_cast<uint32_t>(s.seed >> 32);
    for (int round = 0; round < 10; ++round) {
      for (int64_t i = 0; i < kStrip; ++i) {
        const uint64_t p0 = uint64_t{0xD2511F53} * c0[i], p1 = uint64_t{0xCD9E8D57} * c2[i];
        c0[i] = static_cast<uint32_t>(p1 >> 32) ^ c1[i] ^ k0;
        c2[i] = static_cast<uint32_t>(p0 >> 32) ^ c3[i] ^ k1;
        c1[i] = static_cast<uint32_t>(p1), c3[i] = static_cast<uint32_t>(p0);
      }
      k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    const int64_t count = std::min(kStrip, blocks - from);
    for (int64_t i = 0; i < count; ++i) {
      out.x0[from + i] = c0[i], out.x1[from + i] = c1[i];
      out.x2[from + i] = c2[i], out.x3[from + i] = c3[i];
    }
  }
}

constexpr int64_t kChunk = 8192;  // elements at a time: stays in the second-level cache
constexpr int64_t kBlocks = kChunk / 4;

/// Aligned chunks, each on one thread, of which `use` gets what lies within the range: offset in
/// it, count, values. Blocks behind the range are left out by kPairs.
template <class T, class F, class U>
void by_chunks(const Stream& stream, int64_t begin, int64_t count, F fill_chunk, const U& use) {
  if (count <= 0) return;
  const int64_t first = begin / kChunk, last = (begin + count - 1) / kChunk + 1;
  at::parallel_for(first, last, 1, [&](int64_t from, int64_t to) {
    std::vector<uint32_t> words(kChunk);
    std::vector<T> whole(kChunk);
    for (int64_t c = from; c < to; ++c) {
      const int64_t low = std::max(begin, c * kChunk);
      const int64_t high = std::min(begin + count, (c + 1) * kChunk);
      const int64_t group = 4 * kPairs;
      const int64_t blocks = (high - c * kChunk + group - 1) / group * kPairs;
      uint32_t* x = words.data();
      const Words w{x, x + kBlocks, x + 2 * kBlocks, x + 3 * kBlocks};
      fill_words(stream, static_cast<uint64_t>(c * kBlocks), blocks, w);
      fill_chunk(w, blocks, whole.data());
      use(low - begin, high - low, whole.data() + (low - c * kChunk));
    }
  });
}

template <class T>
auto copy_to(T* out) {
  return [out](int64_t at, int64_t count, const T* values) {
    std::copy(values, values + count, out + at);
  };
}

void normals(const Words& w, int64_t blocks, float* to) {
  const uint32_t* const x[] = {w.x0, w.x1, w.x2, w.x3};
  box_muller(x, blocks, to);
}

void signs(const Words& w, int64_t blocks, float* to) {
  const uint32_t* x[] = {w.x0, w.x1, w.x2, w.x3};
  for (int64_t i = 0; i < 4 * blocks; ++i) to[i] = (x[i % 4][i / 4] & 1u) ? 1.0f : -1.0f;
}

void uniforms(const Words& w, int64_t blocks, double* to) {
  const uint32_t* x[] = {w.x0, w.x1, w.x2, w.x3};
  for (int64_t i = 0; i < 4 * blocks; ++i) to[i] = static_cast<double>(x[i % 4][i / 4]) * 0x1p-32;
}

}  // namespace

uint32_t fnv1a(std::string_view name) {
  uint32_t h = 0x811C9DC5u;
  for (const char c : name) h = (h ^ static_cast<uint8_t>(c)) * 0x01000193u;
  return h;
}

std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  const uint64_t block = counter[0] | (static_cast<uint64_t>(counter[1]) << 32);
  const Stream stream{key[0] | (static_cast<uint64_t>(key[1]) << 32), counter[2],
                      static_cast<Purpose>(counter[3])};
  std::array<uint32_t, 4> out;
  fill_words(stream, block, 1, {&out[0], &out[1], &out[2], &out[3]});
  return out;
}

void fill_normal(const Stream& stream, int64_t begin, int64_t count, float* out) {
  by_chunks<float>(stream, begin, count, normals, copy_to(out));
}

void fill_rademacher(const Stream& stream, int64_t begin, int64_t count, float* out) {
  by_chunks<float>(stream, begin, count, signs, copy_to(out));
}

void fill_uniform(const Stream& stream, int64_t begin, int64_t count, double* out) {
  by_chunks<double>(stream, begin, count, uniforms, copy_to(out));
}

void each_direction(const Stream& stream, bool rademacher, int64_t count, const UseValues& use) {
  by_chunks<float>(stream, 0, count, rademacher ? signs : normals, use);
}

}  // namespace bench::kernels
