#pragma once
#include <cuda_runtime.h>

#include "kernels/twins.h"

namespace bench::kernels::cuda {

int select_lowest(const float* score, int64_t n, int64_t drop, uint8_t* keep, void* workspace);
int64_t select_lowest_workspace();
int select_rows(const float* score, int64_t rows, int64_t columns, int64_t drop, uint8_t* keep);
int select_nm(const float* score, int64_t rows, int64_t columns, int64_t n, int64_t m,
              uint8_t* keep);
int scaled_magnitude(const float* w, const float* a, int64_t rows, int64_t columns, float* out);
int fill(uint64_t seed, uint32_t name_hash, uint32_t purpose, int kind, int64_t begin,
         int64_t count, float* out);

}  // namespace bench::kernels::cuda
