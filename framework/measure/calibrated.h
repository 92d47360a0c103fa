#pragma once
#include "core/statistic.h"

namespace bench {

/// Declares that calibration data are read by whoever asks for it in prepare(); measures nothing.
struct Calibrated : Statistic {
  static constexpr const char* kName = "calibrated";
  static const Pass& pass() {
    static const Pass kNone{Pass::Global, [](const Probe&, const Listeners&) {}};
    return kNone;
  }
  explicit Calibrated(const Layer&) {}
};

}  // namespace bench
