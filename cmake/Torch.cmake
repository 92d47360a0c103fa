# LibTorch from an unpacked PyPI wheel (or a site-packages folder): TORCH_ROOT holds torch/ and nvidia/.
# Not find_package(Torch): without a CUDA toolkit that is a fatal error, and with one it links
# libtorch_cuda into everything.
set(TORCH_ROOT "" CACHE PATH "folder that holds torch/ (and nvidia/)")
set(torch_dir "${TORCH_ROOT}/torch")
if(NOT EXISTS "${torch_dir}/include/ATen/ATen.h")
  message(FATAL_ERROR "no LibTorch in TORCH_ROOT='${TORCH_ROOT}'; ./bench doctor says how to get it")
endif()
foreach(lib c10 torch_cpu)
  add_library(torch::${lib} SHARED IMPORTED GLOBAL)
  set_target_properties(torch::${lib} PROPERTIES IMPORTED_LOCATION "${torch_dir}/lib/lib${lib}.so")
endforeach()
add_library(torch::torch INTERFACE IMPORTED GLOBAL)
# -idirafter: the wheel ships its own fmt in this folder; the system's must be found first.
target_compile_options(torch::torch INTERFACE "SHELL:-idirafter ${torch_dir}/include"
                                              "SHELL:-idirafter ${torch_dir}/include/torch/csrc/api/include"
                                              $<$<COMPILE_LANGUAGE:CXX>:-fopenmp>) # else at::parallel_for is serial
target_link_options(torch::torch INTERFACE -fopenmp)
target_link_libraries(torch::torch INTERFACE torch::torch_cpu torch::c10)
