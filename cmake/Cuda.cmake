# The CUDA twins of framework/kernels: a module that the engine opens at run time, so that one engine
# serves machines with and without a GPU. Without nvcc everything else builds.
include(CheckLanguage)
check_language(CUDA)
if(CMAKE_CUDA_COMPILER)
  set(CMAKE_CUDA_STANDARD 17)
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 80 90)
  endif()
  set(CMAKE_CUDA_RUNTIME_LIBRARY Shared)
  enable_language(CUDA)
  file(GLOB kernels CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/framework/kernels/*.cu)
  add_library(bench_cuda MODULE ${kernels})
  target_include_directories(bench_cuda PRIVATE ${CMAKE_SOURCE_DIR}/framework)
  set_target_properties(bench_cuda PROPERTIES
                        LIBRARY_OUTPUT_DIRECTORY "${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
else()
  message(STATUS "no nvcc: the CUDA twins of framework/kernels are not built")
endif()
