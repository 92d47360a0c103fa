#include "measure/reallocation.h"

#include <limits>
#include <vector>

#include "base/error.h"
#include "core/pattern.h"

namespace bench {

std::vector<int64_t> largest_assignment(const Tensor& value) {
  // Shortest augmenting paths with potentials (Kuhn 1955, Munkres 1957), O(n^3), on -value.
  const auto cost = (-value).to(at::kCPU, at::kDouble).contiguous();
  const auto n = cost.size(0);
  const double* c = cost.const_data_ptr<double>();
  constexpr double kFar = std::numeric_limits<double>::infinity();
  const auto size = static_cast<size_t>(n + 1);
  std::vector<double> row_price(size, 0), column_price(size, 0);
  std::vector<int64_t> row_of(size, 0), from(size, 0);  // 1-based; 0: none
  for (int64_t i = 1; i <= n; ++i) {
    row_of[0] = i;
    int64_t at = 0;
    std::vector<double> least(size, kFar);
    std::vector<char> used(size, 0);
    do {
      used[static_cast<size_t>(at)] = 1;
      const auto r = row_of[static_cast<size_t>(at)];
      double step = kFar;
      int64_t next = 0;
      for (int64_t j = 1; j <= n; ++j) {
        const auto J = static_cast<size_t>(j);
        if (used[J]) continue;
        const double reduced =
            c[(r - 1) * n + j - 1] - row_price[static_cast<size_t>(r)] - column_price[J];
        if (reduced < least[J]) least[J] = reduced, from[J] = at;
        if (least[J] < step) step = least[J], next = j;
      }
      for (size_t j = 0; j < size; ++j)
        if (used[j]) {
          row_price[static_cast<size_t>(row_of[j])] += step;
          column_price[j] -= step;
        } else {
          least[j] -= step;
        }
      at = next;
    } while (row_of[static_cast<size_t>(at)] != 0);
    for (; at != 0; at = from[static_cast<size_t>(at)])
      row_of[static_cast<size_t>(at)] =
          row_of[static_cast<size_t>(from[static_cast<size_t>(at)])];
  }
  std::vector<int64_t> column_of(static_cast<size_t>(n));
  for (int64_t j = 1; j <= n; ++j)
    column_of[static_cast<size_t>(row_of[static_cast<size_t>(j)] - 1)] = j - 1;
  return column_of;
}

namespace {

/// Columns ascending by importance.
Tensor ranked(const Tensor& score, const Reallocation& how) {
  const auto ascending = [](const Tensor& t) { return std::get<1>(at::sort(t, true, -1, false)); };
  if (how.importance == "sum") return ascending(score.sum(0));
  const auto kept = how.importance == "row" ? select(score, Contest::Row, how.share)
                                            : select_threshold(score, how.share);
  // By what is retained; of equals the one that loses fewer.
  const auto by_count = ascending(kept.logical_not().sum(0));
  const auto retained = (score * kept).sum(0).index_select(0, by_count);
  return by_count.index_select(0, ascending(retained));
}

Tensor dealt(const Tensor& ranked, int64_t m) {
  const auto groups = ranked.numel() / m;
  auto order = at::empty_like(ranked);
  for (int64_t s = 0; s < m; ++s) {
    const auto strip = ranked.slice(0, groups * s, groups * (s + 1));
    order.slice(0, s, ranked.numel(), m).copy_(s % 2 ? strip.flip(0) : strip);
  }
  return order;
}

/// What each group [groups] retains with each candidate [groups] in its slot: float64
/// [group, candidate]. score: [rows, groups, m].
Tensor retained(const Tensor& score, int64_t slot, int64_t keep) {
  const auto rows = score.size(0), groups = score.size(1), m = score.size(2);
  const auto candidates = score.select(2, slot).contiguous();  // [rows, groups]
  std::vector<Tensor> others;
  for (int64_t s = 0; s < m; ++s)
    if (s != slot) others.push_back(score.select(2, s));
  const auto rest = at::stack(others, 2);  // [rows, groups, m - 1]
  // Of m - 1 and a candidate x the `keep` largest stay: the keep - 1 largest of the rest, and the
  // larger of x and the next one.
  const auto sorted = std::get<0>(at::sort(rest, true, 2, /*descending=*/true));
  const auto surely = sorted.slice(2, 0, keep - 1).sum(2, false, at::kDouble);  // [rows, groups]
  const auto next = sorted.select(2, keep - 1);
  auto value = at::empty({groups, groups}, score.options().dtype(at::kDouble));
  for (int64_t g = 0; g < groups; ++g)
    value[g] = at::max(next.select(1, g).unsqueeze(1), candidates).sum(0, false, at::kDouble) +
               surely.select(1, g).sum();
  require(value.size(0) == groups && rows > 0, "a value for each pair");
  return value;
}

Tensor assigned(const Tensor& score, Tensor order, int64_t keep, int64_t m) {
  const auto groups = order.numel() / m;
  for (int64_t slot = 0; slot < m; ++slot) {
    const auto here = score.index_select(1, order).reshape({score.size(0), groups, m});
    const auto columns = largest_assignment(retained(here, slot, keep));
    const auto moved = at::tensor(columns, at::kLong) * m + slot;
    auto next = order.clone();
    next.slice(0, slot, order.numel(), m).copy_(order.index_select(0, moved));
    order = next;
  }
  return order;
}

}  // namespace

Tensor reallocated(const Tensor& score, int64_t keep, int64_t of, const Reallocation& how) {
  const auto s = score.to(at::kCPU, at::kFloat).contiguous();
  if (s.size(1) % of != 0)
    fail("{} columns do not split into groups of {}: their order cannot be chosen", s.size(1), of);
  auto order = dealt(ranked(s, how), of);
  if (!how.assign) return order;
  const auto each = order.numel() / how.blocks;
  if (order.numel() % how.blocks != 0 || each % of != 0)
    fail("{} columns do not split into {} blocks of groups of {}", s.size(1), how.blocks, of);
  std::vector<Tensor> parts;
  for (int64_t b = 0; b < how.blocks; ++b)
    parts.push_back(assigned(s, order.slice(0, b * each, (b + 1) * each).contiguous(), keep, of));
  return at::cat(parts);
}

}  // namespace bench
