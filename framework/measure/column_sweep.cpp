#include "measure/column_sweep.h"

#include <algorithm>

namespace bench {

void ColumnSweep::run(Tensor& w, Tensor& mask) const {
  const bool anew = reselect && reselect->pattern.kind == Pattern::Unstructured;
  for (int64_t begin = 0; begin < w.size(1); begin += slab) {
    const int64_t end = std::min(begin + slab, w.size(1));
    if (anew)
      mask.slice(1, begin, end).copy_(reselect->choose(w.slice(1, begin, end).clone(), begin, end));
    const auto error = slab_of(w, mask, begin, end);
    if (end < w.size(1))
      w.slice(1, end) -= error.mm(inverse_factor.slice(0, begin, end).slice(1, end));
  }
  w.masked_fill_(~mask, 0);
}

Tensor ColumnSweep::slab_of(Tensor& w, Tensor& mask, int64_t begin, int64_t end) const {
  // Transposed copies make a column contiguous.
  auto columns = w.slice(1, begin, end).t().contiguous();  // [slab, out]
  auto keep = mask.slice(1, begin, end).t().contiguous();
  auto errors = at::zeros_like(columns);
  const auto u = inverse_factor.slice(0, begin, end).slice(1, begin, end);
  const auto diagonal = u.diagonal().cpu().contiguous();
  const float* d = diagonal.const_data_ptr<float>();
  const auto group = reselect && reselect->pattern.kind == Pattern::NM ? reselect->pattern.of : 0;
  for (int64_t i = 0; i < columns.size(0); ++i) {
    if (group > 0 && i % group == 0) {
      const auto to = std::min(i + group, columns.size(0));
      const auto now = columns.slice(0, i, to).t().contiguous();
      keep.slice(0, i, to).copy_(reselect->choose(now, begin + i, begin + to).t());
    }
    auto c = columns[i];
    auto e = errors[i];
    if (become) {
      const auto next = become(begin + i, c.masked_fill(keep[i].logical_not(), 0), w);
      e.copy_((c - next).div_(static_cast<double>(d[i])));
      if (i + 1 < columns.size(0)) columns.slice(0, i + 1).addr_(u[i].slice(0, i + 1), e, 1, -1);
      c.copy_(next);
      continue;
    }
    e.copy_(c.masked_fill(keep[i], 0).div_(static_cast<double>(d[i])));
    if (i + 1 < columns.size(0)) columns.slice(0, i + 1).addr_(u[i].slice(0, i + 1), e, 1, -1);
    c.masked_fill_(keep[i].logical_not(), 0);
  }
  w.slice(1, begin, end).copy_(columns.t());
  mask.slice(1, begin, end).copy_(keep.t());
  return errors.t();
}

}  // namespace bench
