#include "tensor/device.h"

#include <ATen/Context.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>

#include "base/error.h"

namespace bench {
namespace {

/// dlopen's complaint, or nothing.
std::string open_cuda() {
  if (dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL)) return "";
  return dlerror();
}

/// float32 means float32 (cuDNN would round products to TF32), and the same bits every time.
void be_exact() {
  setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
  auto& context = at::globalContext();
  context.setAllowTF32CuDNN(false);
  context.setBenchmarkCuDNN(false);
  context.setDeterministicAlgorithms(true, /*warn_only=*/true);
  context.setDeterministicFillUninitializedMemory(false);
}

c10::DeviceAllocator* allocator(const at::Device& device) {
  return device.is_cuda() ? c10::getDeviceAllocator(device.type()) : nullptr;
}

}  // namespace

at::Device open_device(const std::string& name) {
  const at::Device device(name);
  if (!device.is_cuda()) return device;
  static const std::string trouble = open_cuda();
  if (!trouble.empty())
    fail(
        "device=cuda: this LibTorch has no CUDA part ({}); set BENCH_TORCH=DIR to a CUDA build of "
        "LibTorch, or use device=cpu",
        trouble);
  if (c10::impl::VirtualGuardImpl(at::kCUDA).deviceCount() == 0)
    fail(
        "device=cuda: LibTorch sees no CUDA device; check the driver with nvidia-smi, or use "
        "device=cpu");
  be_exact();
  at::globalContext().lazyInitDevice(at::kCUDA);
  return at::Device(at::kCUDA, 0);
}

DeviceMemory peak_memory(const at::Device& device) {
  auto* from = allocator(device);
  if (!from) return {};
  const auto stats = from->getDeviceStats(device.index());
  return {stats.allocated_bytes[0].peak, stats.reserved_bytes[0].peak};
}

void reset_peak_memory(const at::Device& device) {
  if (auto* a = allocator(device)) a->resetPeakStats(device.index());
}

void synchronize(const at::Device& device) {
  if (device.is_cuda())
    c10::impl::VirtualGuardImpl(device.type()).synchronizeDevice(device.index());
}

}  // namespace bench
