#pragma once
#include <chrono>

#include "tensor/device.h"
#include "results/result.h"
#include "trial/workbench.h"

namespace bench {

/// Seconds and peak memory of one phase, written when it ends.
class Phase {
 public:
  Phase(Outcome& out, std::string name, const at::Device& device)
      : out_(out), device_(device), start_(Clock::now()) {
    row_.phase = std::move(name);
    since_ = reset_peak_resident() ? "in this phase" : "since the start of the worker";
    reset_peak_memory(device_);
  }
  ~Phase() {
    if (std::uncaught_exceptions() == 0) measure();
  }
  Phase(const Phase&) = delete;
  Phase& operator=(const Phase&) = delete;

 private:
  void measure() {
    synchronize(device_);
    row_.seconds = std::chrono::duration<double>(Clock::now() - start_).count();
    row_.peak_rss = peak_resident_bytes();
    row_.method = fmt::format("steady clock; VmHWM of the worker {}", since_);
    if (device_.is_cuda()) {
      const auto peak = peak_memory(device_);
      row_.peak_allocated = peak.allocated, row_.peak_reserved = peak.reserved;
      row_.method += "; peaks of LibTorch's caching allocator in this phase";
    }
    out_.phases.push_back(row_);
  }

  using Clock = std::chrono::steady_clock;
  Outcome& out_;
  at::Device device_;
  Clock::time_point start_;
  const char* since_ = "";
  PhaseRow row_;
};

}  // namespace bench
