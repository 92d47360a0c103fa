#include "measure/channel_activity.h"

#include <algorithm>

#include "core/borrowed.h"

namespace bench {

void ChannelActivity::add(const Tensor& x) {
  const bool map = x.dim() == 4;
  const auto size = x.abs().to(at::kDouble);
  sum += (map ? size.sum(at::IntArrayRef{0, 2, 3}) : size.reshape({-1, x.size(-1)}).sum(0)).cpu();
  if (map) places += static_cast<double>(x.size(0) * x.size(2) * x.size(3));
}

namespace {

void measure(const Probe& p, Heard<ChannelActivity> heard) {
  at::NoGradGuard no_grad;
  const auto all = samples(p.data.batches);
  const auto last = heard.empty() ? 0 : heard.front().second->last;
  const auto n = static_cast<int64_t>(all.size());
  for (int64_t i = last > 0 ? std::max<int64_t>(n - last, 0) : 0; i < n; ++i) {
    const auto& one = all[static_cast<size_t>(i)];
    Borrowed borrowed;
    for (const auto& [layer, s] : heard)
      borrowed.lens(*layer, [s](const Layer& l, const Tensor& x) {
        s->add(x);
        return without_lens(l, x);
      });
    auto hidden = p.model.stem(one);
    for (int64_t b = 0; b < p.model.block_count(); ++b) hidden = p.model.block(b, hidden, one);
  }
}

const Pass kActivity = pass_of<ChannelActivity>(Pass::Global, measure, Pass::One);
}  // namespace

const Pass& ChannelActivity::pass() {
  return kActivity;
}

}  // namespace bench
