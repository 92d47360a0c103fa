#include "measure/reading_gram.h"

#include "measure/statistics.h"

namespace bench {
namespace {

/// bool-like float64 [columns, units]: whose columns they are; 0 beyond the slice.
Tensor owners(const Slice& s, int64_t units) {
  const auto line = at::arange(units).repeat_interleave(s.width).repeat(s.stretches);
  auto all = at::zeros({s.layer->columns(), units}, at::kDouble);
  all.narrow(0, s.begin, line.numel()).scatter_(1, line.unsqueeze(1), 1.0);
  return all;
}

}  // namespace

Tensor reading_gram(const Group& group, const Stats& stats, const char* who) {
  auto all = at::zeros({group.units, group.units}, at::kDouble);
  bool read = false;
  for (const auto& s : group.slices) {
    if (s.dim != Slice::In || s.unit >= 0) continue;
    const auto h = stats.get<InputGram>(*s.layer).gram.to(at::kCPU, at::kDouble);
    const auto w = s.layer->matrix().to(at::kCPU, at::kDouble);
    const auto p = owners(s, group.units);
    all += p.t().mm(h * w.t().mm(w)).mm(p);
    read = true;
  }
  if (!read) fail("{}: no layer reads its units, so {} cannot rank them", group.name, who);
  return all;
}

}  // namespace bench
