#include "core/update.h"

#include <limits>

namespace bench {

Tensor Site::best(const Tensor& score, double ratio) const {
  auto s = score.to(at::kFloat);
  if (layer.mask.defined()) s = s.masked_fill(~layer.mask, -std::numeric_limits<float>::infinity());
  if (pattern.kind == Pattern::NM)
    return select_nm(s, pattern.keep, pattern.of, pattern.tail_removed);
  const auto goes = ratio < 0 && share.count >= 0
                        ? static_cast<double>(share.count) / static_cast<double>(s.numel())
                        : share.ratio;
  if (contest == Contest::Row) return select(s, contest, ratio < 0 ? goes : ratio);
  return select(s, contest, ratio < 0 ? goes : ratio, ratio < 0 ? share.count : -1);
}

}  // namespace bench
