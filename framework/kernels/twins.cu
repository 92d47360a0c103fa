// The one symbol that the engine asks libbench_cuda.so for.
#include "kernels/twins.cuh"

extern "C" const bench::kernels::Twins* bench_cuda_twins() {
  using namespace bench::kernels;
  static const Twins all{
      cuda::select_lowest,
      cuda::select_lowest_workspace,
      cuda::select_rows,
      cuda::select_nm,
      cuda::scaled_magnitude,
      cuda::fill,
      [](int error) { return cudaGetErrorString(static_cast<cudaError_t>(error)); }};
  return &all;
}
