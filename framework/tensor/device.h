#pragma once
#include <string>

#include "tensor/tensor.h"

namespace bench {

/// The device a config names: "cpu" or "cuda". Opens LibTorch's CUDA part on the first call that
/// needs it, which must come before any other question about CUDA (an earlier one is answered "no"
/// for good). Throws Error with the remedy where there is none.
at::Device open_device(const std::string& name);

/// Peak bytes since the last reset, by LibTorch's caching allocator; zeros on a CPU.
struct DeviceMemory {
  int64_t allocated = 0, reserved = 0;
};
DeviceMemory peak_memory(const at::Device& device);
void reset_peak_memory(const at::Device& device);
/// Waits for queued work, so that a clock read afterwards has seen it.
void synchronize(const at::Device& device);

}  // namespace bench
