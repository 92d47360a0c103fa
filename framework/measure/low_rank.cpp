#include "measure/low_rank.h"

#include <cmath>

namespace bench {

int64_t rank_for(int64_t out, int64_t in, double share) {
  const auto both = static_cast<double>(out) * static_cast<double>(in);
  return static_cast<int64_t>(std::floor(both * share / static_cast<double>(out + in) + 1e-9));
}

Truncated truncated(const Tensor& matrix, int64_t rank) {
  SingleThread alone;
  const auto [u, s, v] = at::linalg_svd(matrix.to(at::kDouble), /*full_matrices=*/false);
  const auto root = s.slice(0, 0, rank).sqrt();
  return {u.slice(1, 0, rank) * root, v.slice(0, 0, rank) * root.unsqueeze(1), s};
}

Tensor InputScatter::root() const {
  SingleThread alone;
  const auto [lower, info] = at::linalg_cholesky_ex(sum);
  if (info.item<int>() == 0) return lower;
  const auto least = at::linalg_eigvalsh(sum)[0].item<double>();
  // What rounding leaves of a zero eigenvalue is of the order of 1e-16 of the largest.
  const double lift = std::max(1e-6, 1e-13 * sum.diagonal().max().item<double>());
  auto lifted = sum.clone();
  lifted.diagonal().add_(lift - least);
  return at::linalg_cholesky(lifted);
}

std::vector<Layer*> splittable(Model& model, const std::string& who) {
  std::vector<Layer*> all;
  for (Layer* l : model.layers()) {
    if (l->is_conv() || l->weight.numel() == 0) continue;
    if (l->low_rank.u.defined()) fail("{}: {} was split into factors before", who, l->name);
    if (l->mask.defined() && !l->mask.all().item<bool>())
      fail(
          "{}: weights of {} are pruned, and a product of two factors is dense: use sparsity=0, "
          "units that are cut away (shrink=true), or update=oats, which keeps a sparse rest",
          who, l->name);
    all.push_back(l);
  }
  if (all.empty()) fail("{}: the model has no linear layer", who);
  return all;
}

}  // namespace bench
