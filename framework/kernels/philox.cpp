#include "kernels/philox.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/tensor.h"

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

/// u = (x0 + 1) 2^-32 and t = 2 pi x1 2^-32 of the first pairs of all blocks, then of the second
/// ones.
BENCH_VECTORISED void to_radius_and_angle(const Words& w, double* u, double* t) {
  const uint32_t *radius[] = {w.x0, w.x2}, *angle[] = {w.x1, w.x3};
  for (int pair = 0; pair < 2; ++pair)
    for (int64_t i = 0; i < kBlocks; ++i) {
      u[pair * kBlocks + i] = (static_cast<double>(radius[pair][i]) + 1.0) * 0x1p-32;
      t[pair * kBlocks + i] = 6.283185307179586 * (static_cast<double>(angle[pair][i]) * 0x1p-32);
    }
}

BENCH_VECTORISED void to_normals(const double* r, const double* cosine, const double* sine,
                                 float* out) {
  for (int64_t i = 0; i < kBlocks; ++i) {
    out[4 * i] = static_cast<float>(r[i] * cosine[i]);
    out[4 * i + 1] = static_cast<float>(r[i] * sine[i]);
    out[4 * i + 2] = static_cast<float>(r[kBlocks + i] * cosine[kBlocks + i]);
    out[4 * i + 3] = static_cast<float>(r[kBlocks + i] * sine[kBlocks + i]);
  }
}

/// Aligned chunks of whole size, each on one thread; the caller's range is cut out of them. Bits
/// then do not depend on where a range begins or ends (vector and scalar code may round
/// differently).
template <class T, class F>
void by_chunks(const Stream& stream, int64_t begin, int64_t count, T* out, F fill_chunk) {
  if (count <= 0) return;
  const int64_t first = begin / kChunk, last = (begin + count - 1) / kChunk + 1;
  at::parallel_for(first, last, 1, [&](int64_t from, int64_t to) {
    at::NoGradGuard no_grad;
    std::vector<uint32_t> words(kChunk);
    std::vector<T> whole(kChunk);
    for (int64_t c = from; c < to; ++c) {
      uint32_t* x = words.data();
      const Words w{x, x + kBlocks, x + 2 * kBlocks, x + 3 * kBlocks};
      fill_words(stream, static_cast<uint64_t>(c * kBlocks), kBlocks, w);
      fill_chunk(w, whole.data());
      const int64_t low = std::max(begin, c * kChunk);
      const int64_t high = std::min(begin + count, (c + 1) * kChunk);
      std::copy(whole.begin() + (low - c * kChunk), whole.begin() + (high - c * kChunk),
                out + (low - begin));
    }
  });
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
  by_chunks<float>(stream, begin, count, out, [](const Words& words, float* to) {
    auto u = at::empty({2 * kBlocks}, at::kDouble), t = at::empty({2 * kBlocks}, at::kDouble);
    to_radius_and_angle(words, u.mutable_data_ptr<double>(), t.mutable_data_ptr<double>());
    const auto r = u.log_().mul_(-2.0).sqrt_();
    const auto cosine = t.cos(), sine = t.sin_();
    to_normals(r.const_data_ptr<double>(), cosine.const_data_ptr<double>(),
               sine.const_data_ptr<double>(), to);
  });
}

void fill_rademacher(const Stream& stream, int64_t begin, int64_t count, float* out) {
  by_chunks<float>(stream, begin, count, out, [](const Words& words, float* to) {
    const uint32_t* x[] = {words.x0, words.x1, words.x2, words.x3};
    for (int64_t i = 0; i < kChunk; ++i) to[i] = (x[i % 4][i / 4] & 1u) ? 1.0f : -1.0f;
  });
}

void fill_uniform(const Stream& stream, int64_t begin, int64_t count, double* out) {
  by_chunks<double>(stream, begin, count, out, [](const Words& words, double* to) {
    const uint32_t* x[] = {words.x0, words.x1, words.x2, words.x3};
    for (int64_t i = 0; i < kChunk; ++i) to[i] = static_cast<double>(x[i % 4][i / 4]) * 0x1p-32;
  });
}

}  // namespace bench::kernels
