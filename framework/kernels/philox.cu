// Twin of philox.cpp: element e of a stream depends on (seed, name, e) alone.
#include <algorithm>

#include "kernels/twins.cuh"

namespace bench::kernels::cuda {
namespace {

struct Words {
  uint32_t x[4];
};

__device__ Words philox(uint64_t block, uint64_t seed, uint32_t name_hash, uint32_t purpose) {
  uint32_t c0 = static_cast<uint32_t>(block), c1 = static_cast<uint32_t>(block >> 32);
  uint32_t c2 = name_hash, c3 = purpose;
  uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint32_t high0 = __umulhi(0xD2511F53u, c0), low0 = 0xD2511F53u * c0;
    const uint32_t high1 = __umulhi(0xCD9E8D57u, c2), low1 = 0xCD9E8D57u * c2;
    c0 = high1 ^ c1 ^ k0, c1 = low1;
    c2 = high0 ^ c3 ^ k1, c3 = low0;
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

__device__ void normals(const Words& w, float out[4]) {
  for (int pair = 0; pair < 2; ++pair) {
    const double u = (static_cast<double>(w.x[2 * pair]) + 1.0) * 0x1p-32;
    const double t = 6.283185307179586 * (static_cast<double>(w.x[2 * pair + 1]) * 0x1p-32);
    const double r = sqrt(-2.0 * log(u));
    out[2 * pair] = static_cast<float>(r * cos(t));
    out[2 * pair + 1] = static_cast<float>(r * sin(t));
  }
}

__global__ void fill_kernel(uint64_t seed, uint32_t name_hash, uint32_t purpose, int kind,
                            int64_t begin, int64_t count, float* out) {
  const int64_t first = begin / 4, last = (begin + count + 3) / 4;
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t b = first + static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; b < last;
       b += step) {
    const Words w = philox(static_cast<uint64_t>(b), seed, name_hash, purpose);
    float four[4];
    if (kind == 0)
      normals(w, four);
    else
      for (int i = 0; i < 4; ++i) four[i] = (w.x[i] & 1u) ? 1.0f : -1.0f;
    for (int i = 0; i < 4; ++i) {
      const int64_t e = 4 * b + i - begin;
      if (e >= 0 && e < count) out[e] = four[i];
    }
  }
}

}  // namespace

int fill(uint64_t seed, uint32_t name_hash, uint32_t purpose, int kind, int64_t begin,
         int64_t count, float* out) {
  if (count <= 0) return cudaSuccess;
  constexpr int kThreads = 256;
  const int64_t blocks = std::min<int64_t>((count / 4 + kThreads) / kThreads, 65535);
  fill_kernel<<<static_cast<unsigned>(blocks), kThreads>>>(seed, name_hash, purpose, kind, begin,
                                                           count, out);
  return cudaGetLastError();
}

}  // namespace bench::kernels::cuda
