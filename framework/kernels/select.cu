// Twins of select.cpp: the same bytes. Radix selection on ordered keys, then a pass in index order
// in which the first so many of the keys equal to the cut go.
#include <algorithm>

#include "kernels/twins.cuh"

namespace bench::kernels::cuda {
namespace {

constexpr int kThreads = 256, kWarps = kThreads / 32;

__device__ uint32_t ordered(float f) {
  const uint32_t u = __float_as_uint(f + 0.0f);  // -0 becomes +0
  return u ^ (static_cast<uint32_t>(static_cast<int32_t>(u) >> 31) | 0x80000000u);
}

/// The key of the last to go, and how many equal to it go.
struct Cut {
  uint32_t key, known;  // known: bits of key that are settled
  int64_t equal;
};

/// Bucket that holds the `left`-th lowest of the counts; by one warp's worth of partial sums.
template <int kBuckets, class Count>
__device__ void settle(const Count* histogram, int shift, Cut& cut) {
  int64_t left = cut.equal;
  uint32_t bucket = 0;
  while (static_cast<int64_t>(histogram[bucket]) < left) left -= histogram[bucket++];
  cut.key |= bucket << shift;
  cut.known |= static_cast<uint32_t>(kBuckets - 1) << shift;
  cut.equal = left;
}

/// Marks [begin, end) of one contest by a whole block; `seen` keys equal to the cut lie before.
__device__ void mark(const float* score, int64_t begin, int64_t end, const Cut& cut, int64_t seen,
                     uint8_t* keep) {
  __shared__ int ties_of_warp[kWarps];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  for (int64_t base = begin; base < end; base += kThreads) {
    const int64_t i = base + threadIdx.x;
    const uint32_t key = i < end ? ordered(score[i]) : 0;
    const bool tie = i < end && key == cut.key;
    const unsigned ties = __ballot_sync(~0u, tie);
    if (lane == 0) ties_of_warp[warp] = __popc(ties);
    __syncthreads();
    int before = __popc(ties & ((1u << lane) - 1)), all = 0;
    for (int w = 0; w < kWarps; ++w) {
      before += w < warp ? ties_of_warp[w] : 0;
      all += ties_of_warp[w];
    }
    if (i < end) keep[i] = key > cut.key || (tie && seen + before >= cut.equal);
    seen += all;
    __syncthreads();
  }
}

__global__ void rows_kernel(const float* score, int64_t rows, int64_t columns, int64_t drop,
                            uint8_t* keep) {
  __shared__ uint32_t histogram[256];
  __shared__ Cut cut;
  for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
    const float* s = score + r * columns;
    if (threadIdx.x == 0) cut = {0, 0, drop};
    for (int shift = 24; shift >= 0; shift -= 8) {
      histogram[threadIdx.x] = 0;
      __syncthreads();
      for (int64_t i = threadIdx.x; i < columns; i += kThreads) {
        const uint32_t key = ordered(s[i]);
        if ((key & cut.known) == cut.key) atomicAdd(&histogram[(key >> shift) & 255u], 1u);
      }
      __syncthreads();
      if (threadIdx.x == 0) settle<256>(histogram, shift, cut);
      __syncthreads();
    }
    mark(s, 0, columns, cut, 0, keep + r * columns);
  }
}

constexpr int kBuckets = 2048, kBlocks = 1024;

/// What the passes over a whole layer leave each other.
struct Workspace {
  Cut cut;
  unsigned long long histogram[kBuckets];
  int64_t ties[kBlocks];  // keys equal to the cut: counts per block, then those before the block
};

__global__ void begin_kernel(Workspace* w, int64_t drop) {
  if (threadIdx.x == 0) w->cut = {0, 0, drop};
  for (int b = threadIdx.x; b < kBuckets; b += blockDim.x) w->histogram[b] = 0;
}

__global__ void histogram_kernel(const float* score, int64_t n, int shift, uint32_t low,
                                 Workspace* w) {
  __shared__ uint32_t histogram[kBuckets];
  for (int b = threadIdx.x; b < kBuckets; b += kThreads) histogram[b] = 0;
  __syncthreads();
  const Cut cut = w->cut;
  const int64_t step = static_cast<int64_t>(gridDim.x) * kThreads;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < n; i += step) {
    const uint32_t key = ordered(score[i]);
    if ((key & cut.known) == cut.key) atomicAdd(&histogram[(key >> shift) & low], 1u);
  }
  __syncthreads();
  for (int b = threadIdx.x; b < kBuckets; b += kThreads)
    if (histogram[b]) atomicAdd(&w->histogram[b], static_cast<unsigned long long>(histogram[b]));
}

__global__ void settle_kernel(Workspace* w, int shift, int bits) {
  __shared__ unsigned long long histogram[kBuckets];
  for (int b = threadIdx.x; b < kBuckets; b += kThreads) {
    histogram[b] = w->histogram[b];
    w->histogram[b] = 0;
  }
  __syncthreads();
  if (threadIdx.x) return;
  if (bits == 11)
    settle<2048>(histogram, shift, w->cut);
  else
    settle<1024>(histogram, shift, w->cut);
}

__host__ __device__ int64_t segment(int64_t n) {
  return (n + kBlocks - 1) / kBlocks;
}

__global__ void count_ties_kernel(const float* score, int64_t n, Workspace* w) {
  __shared__ int count;
  if (threadIdx.x == 0) count = 0;
  __syncthreads();
  const int64_t begin = blockIdx.x * segment(n), end = min(n, begin + segment(n));
  int mine = 0;
  for (int64_t i = begin + threadIdx.x; i < end; i += kThreads)
    mine += ordered(score[i]) == w->cut.key;
  atomicAdd(&count, mine);
  __syncthreads();
  if (threadIdx.x == 0) w->ties[blockIdx.x] = count;
}

__global__ void mark_kernel(const float* score, int64_t n, const Workspace* w, uint8_t* keep) {
  __shared__ unsigned long long seen;
  if (threadIdx.x == 0) seen = 0;
  __syncthreads();
  for (int b = threadIdx.x; b < static_cast<int>(blockIdx.x); b += kThreads)
    atomicAdd(&seen, static_cast<unsigned long long>(w->ties[b]));
  __syncthreads();
  const int64_t begin = blockIdx.x * segment(n), end = min(n, begin + segment(n));
  mark(score, begin, end, w->cut, static_cast<int64_t>(seen), keep);
}

__global__ void nm_kernel(const float* score, int64_t total, int64_t columns, int64_t n, int64_t m,
                          uint8_t* keep) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * kThreads;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < total;
       i += step) {
    const int64_t c = i % columns, first = i - c % m, size = min(m, columns - (c - c % m));
    int64_t before = 0;  // how many go before i
    for (int64_t j = first; j < first + size; ++j)
      before += score[j] < score[i] || (score[j] == score[i] && j < i);
    keep[i] = before >= min(m - n, size);
  }
}

__global__ void scaled_kernel(const float* w, const float* a, int64_t total, int64_t columns,
                              float* out) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * kThreads;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < total; i += step)
    out[i] = fabsf(w[i]) * a[i % columns];
}

unsigned grid(int64_t total) {
  return static_cast<unsigned>(std::clamp<int64_t>((total + kThreads - 1) / kThreads, 1, 65535));
}

/// Nothing or everything goes: no contest.
bool decided(int64_t n, int64_t drop, int64_t total, uint8_t* keep, int& error) {
  if (drop > 0 && drop < n) return false;
  error = total > 0 ? cudaMemsetAsync(keep, drop <= 0, static_cast<size_t>(total)) : cudaSuccess;
  return true;
}

}  // namespace

int64_t select_lowest_workspace() {
  return sizeof(Workspace);
}

int select_lowest(const float* score, int64_t n, int64_t drop, uint8_t* keep, void* workspace) {
  int error = cudaSuccess;
  if (decided(n, drop, n, keep, error)) return error;
  auto* w = static_cast<Workspace*>(workspace);
  begin_kernel<<<1, kThreads>>>(w, drop);
  int shift = 32;
  for (const int bits : {11, 11, 10}) {
    shift -= bits;
    histogram_kernel<<<std::min(grid(n), 1024u), kThreads>>>(score, n, shift, (1u << bits) - 1, w);
    settle_kernel<<<1, kThreads>>>(w, shift, bits);
  }
  count_ties_kernel<<<kBlocks, kThreads>>>(score, n, w);
  mark_kernel<<<kBlocks, kThreads>>>(score, n, w, keep);
  return cudaGetLastError();
}

int select_rows(const float* score, int64_t rows, int64_t columns, int64_t drop, uint8_t* keep) {
  int error = cudaSuccess;
  if (decided(columns, drop, rows * columns, keep, error)) return error;
  const auto blocks = static_cast<unsigned>(std::min<int64_t>(rows, 65535));
  if (rows > 0) rows_kernel<<<blocks, kThreads>>>(score, rows, columns, drop, keep);
  return cudaGetLastError();
}

int select_nm(const float* score, int64_t rows, int64_t columns, int64_t n, int64_t m,
              uint8_t* keep) {
  const int64_t total = rows * columns;
  if (total > 0) nm_kernel<<<grid(total), kThreads>>>(score, total, columns, n, m, keep);
  return cudaGetLastError();
}

int scaled_magnitude(const float* w, const float* a, int64_t rows, int64_t columns, float* out) {
  const int64_t total = rows * columns;
  if (total > 0) scaled_kernel<<<grid(total), kThreads>>>(w, a, total, columns, out);
  return cudaGetLastError();
}

}  // namespace bench::kernels::cuda
