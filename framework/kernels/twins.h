#pragma once
#include <cstdint>

namespace bench::kernels {

/// The CUDA twins of select.h and philox.h: the same arguments with device pointers, and the same
/// results (select.h promises bytes; a normal may differ in its last bit where the two maths
/// libraries round a float64 differently). Work is queued on the default stream; each returns a
/// cudaError_t. They live in a module of their own, so the engine links no CUDA.
struct Twins {
  int (*select_lowest)(const float* score, int64_t n, int64_t drop, uint8_t* keep, void* workspace);
  int64_t (*select_lowest_workspace)();  // bytes
  int (*select_rows)(const float* score, int64_t rows, int64_t columns, int64_t drop,
                     uint8_t* keep);
  int (*select_nm)(const float* score, int64_t rows, int64_t columns, int64_t n, int64_t m,
                   uint8_t* keep);
  int (*scaled_magnitude)(const float* w, const float* a, int64_t rows, int64_t columns,
                          float* out);
  /// kind: 0 standard normal, 1 Rademacher; see fill_normal and fill_rademacher.
  int (*fill)(uint64_t seed, uint32_t name_hash, uint32_t purpose, int kind, int64_t begin,
              int64_t count, float* out);
  const char* (*error_text)(int error);
};

/// Null where libbench_cuda.so was not built or does not load; asked once per process.
const Twins* twins();
/// Throws Error with CUDA's own words unless `error` is 0.
void check_cuda(int error, const char* what);

}  // namespace bench::kernels
