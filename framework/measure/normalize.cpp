#include "measure/normalize.h"

#include "base/error.h"
#include "base/near.h"

namespace bench {

const std::vector<std::string>& normalizers() {
  static const std::vector<std::string> all{
      "none", "sum", "mean", "max", "l2", "lamp", "gaussian", "standardization", "sentinel"};
  return all;
}

Key sentinel_key() {
  return key("sentinel", 0.5,
             "the normalizer sentinel divides by the score of this rank, as a share of all scores "
             "from the lowest")
      .range(0, 1);
}

Tensor lamp_scores(const Tensor& squares) {
  const auto flat = squares.flatten().to(at::kDouble);
  const auto [sorted, order] = flat.sort(true, 0, false);
  const auto sums = sorted.cumsum(0);  // in order: the same bits on any number of threads
  const auto before = sums - sorted;   // what is smaller, or equal and stands before
  auto out = at::zeros_like(flat);
  if (flat.numel() == 0) return out.reshape(squares.sizes());
  out.index_copy_(0, order, sorted / (sums[-1] - before).clamp_min(1e-300));
  return out.reshape(squares.sizes());
}

namespace {

/// The score of that rank.
Tensor ranked(const Tensor& scores, double share) {
  const auto sorted = std::get<0>(scores.flatten().sort());
  const auto at = static_cast<int64_t>(share * static_cast<double>(sorted.numel()));
  if (at >= sorted.numel())
    fail(
        "normalizer sentinel: there is no score of rank {} of {}; normalizer=max divides by the "
        "largest",
        at, sorted.numel());
  return sorted[at];
}

}  // namespace

Tensor normalized(const Tensor& scores, const std::string& how, double sentinel) {
  const auto s = scores.to(at::kDouble);
  if (how == "none") return s;
  if (how == "sum") return s / s.sum();
  if (how == "mean") return s / s.mean();
  if (how == "max") return s / s.max();
  if (how == "l2") return s / s.square().sum().sqrt();
  if (how == "lamp") return lamp_scores(s);
  if (how == "gaussian") return (s - s.mean()) / (s.numel() > 1 ? s.std() + 1e-8 : s.mean() + 1);
  if (how == "standardization") return (s - s.min()) / (s.max() - s.min() + 1e-8);
  if (how == "sentinel") return s / (ranked(s, sentinel) + 1e-8);
  fail("normalizer '{}' is unknown{}", how, suggestion(how, normalizers()));
}

}  // namespace bench
