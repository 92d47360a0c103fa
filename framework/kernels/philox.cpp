#include "kernels/philox.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/tensor.h"

namespace bench::kernels {
namespace {

/// Words of blocks [first, first + blocks): four per block, in order.
void fill_words(const Stream& s, uint64_t first, int64_t blocks, uint32_t* out) {
  for (int64_t i = 0; i < blocks; ++i) {
    const uint64_t b = first + static_cast<uint64_t>(i);
    uint32_t c0 = static_cast<uint32_t>(b), c1 = static_cast<uint32_t>(b >> 32);
    uint32_t c2 = s.name_hash, c3 = static_cast<uint32_t>(s.purpose);
    uint32_t k0 = static_cast<uint32_t>(s.seed), k1 = static_cast<uint32_t>(s.seed >> 32);
    for (int round = 0; round < 10; ++round) {
      const uint64_t p0 = uint64_t{0xD2511F53} * c0, p1 = uint64_t{0xCD9E8D57} * c2;
      const uint32_t n0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0;
      const uint32_t n2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
      c1 = static_cast<uint32_t>(p1);
      c3 = static_cast<uint32_t>(p0);
      c0 = n0, c2 = n2;
      k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    out[4 * i] = c0, out[4 * i + 1] = c1, out[4 * i + 2] = c2, out[4 * i + 3] = c3;
  }
}

constexpr int64_t kChunk = 8192;  // elements at a time: stays in the first-level cache

/// Aligned chunks of whole size, each on one thread; the caller's range is cut out of them. Bits
/// then do not depend on where a range begins or ends (vector and scalar code may round
/// differently).
template <class T, class F>
void by_chunks(int64_t begin, int64_t count, T* out, F fill_chunk) {
  if (count <= 0) return;
  const int64_t first = begin / kChunk, last = (begin + count - 1) / kChunk + 1;
  at::parallel_for(first, last, 1, [&](int64_t from, int64_t to) {
    at::NoGradGuard no_grad;
    std::vector<uint32_t> words(kChunk);
    std::vector<T> whole(kChunk);
    for (int64_t c = from; c < to; ++c) {
      fill_chunk(c, words.data(), whole.data());
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
  fill_words(stream, block, 1, out.data());
  return out;
}

void fill_normal(const Stream& stream, int64_t begin, int64_t count, float* out) {
  constexpr int64_t kPairs = kChunk / 2;
  by_chunks<float>(begin, count, out, [&](int64_t chunk, uint32_t* words, float* to) {
    fill_words(stream, static_cast<uint64_t>(chunk * kChunk / 4), kChunk / 4, words);
    // Two words a pair: u = (x0 + 1) 2^-32, t = 2 pi x1 2^-32 (mini_llm.md 2.5).
    auto u = at::empty({kPairs}, at::kDouble), t = at::empty({kPairs}, at::kDouble);
    double* up = u.mutable_data_ptr<double>();
    double* tp = t.mutable_data_ptr<double>();
    for (int64_t i = 0; i < kPairs; ++i) {
      up[i] = (static_cast<double>(words[2 * i]) + 1.0) * 0x1p-32;
      tp[i] = 6.283185307179586 * (static_cast<double>(words[2 * i + 1]) * 0x1p-32);
    }
    const auto r = u.log_().mul_(-2.0).sqrt_();
    const auto cosine = t.cos(), sine = t.sin_();
    const double *rp = r.const_data_ptr<double>(), *cp = cosine.const_data_ptr<double>(),
                 *sp = sine.const_data_ptr<double>();
    for (int64_t i = 0; i < kPairs; ++i) {
      to[2 * i] = static_cast<float>(rp[i] * cp[i]);
      to[2 * i + 1] = static_cast<float>(rp[i] * sp[i]);
    }
  });
}

void fill_rademacher(const Stream& stream, int64_t begin, int64_t count, float* out) {
  by_chunks<float>(begin, count, out, [&](int64_t chunk, uint32_t* words, float* to) {
    fill_words(stream, static_cast<uint64_t>(chunk * kChunk / 4), kChunk / 4, words);
    for (int64_t i = 0; i < kChunk; ++i) to[i] = (words[i] & 1u) ? 1.0f : -1.0f;
  });
}

void fill_uniform(const Stream& stream, int64_t begin, int64_t count, double* out) {
  by_chunks<double>(begin, count, out, [&](int64_t chunk, uint32_t* words, double* to) {
    fill_words(stream, static_cast<uint64_t>(chunk * kChunk / 4), kChunk / 4, words);
    for (int64_t i = 0; i < kChunk; ++i) to[i] = static_cast<double>(words[i]) * 0x1p-32;
  });
}

}  // namespace bench::kernels
