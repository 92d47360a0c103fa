#pragma once
#include "core/statistic.h"

namespace bench {

/// Sum of |x| of each input channel of a layer, over images, places and rows; of the last samples
/// alone where `last` > 0.
struct ChannelActivity : Statistic {
  static constexpr const char* kName = "channel_activity";
  static const Pass& pass();
  ChannelActivity(const Layer& l, int64_t last_)
      : last(last_), sum(at::zeros({l.weight.size(1)}, at::kDouble)) {}
  Values values() const override { return {{"activity", activity()}}; }
  void add(const Tensor& x);
  /// [in channels] float64: the mean of |x| over a convolution's places, a linear layer's sum.
  Tensor activity() const { return places > 0 ? sum / places : sum; }

  int64_t last;
  Tensor sum;         // [in channels]
  double places = 0;  // images times height times width, of a convolution
};

}  // namespace bench
