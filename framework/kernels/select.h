#pragma once
#include <cstdint>

namespace bench::kernels {

// Selection on raw pointers. Exact counts with a stable order, never a threshold: of equal scores
// the lower index goes first. Scores order as floats do (-0 equals +0); the caller has ruled out
// NaN. Each has a CUDA twin in select.cu that must give the same bytes.

/// One contest: drops exactly `drop` of n scores. keep: n bytes, 1 = kept.
void select_lowest(const float* score, int64_t n, int64_t drop, uint8_t* keep);

/// A contest per row of [rows, columns]; drop[r] go in row r (all rows the same: drop_count 1).
void select_rows(const float* score, int64_t rows, int64_t columns, const int64_t* drop,
                 int64_t drop_count, uint8_t* keep);

/// KEEP n of every m consecutive scores of a row. A short last group of c loses min(m - n, c): what
/// the Wanda family does (wanda/lib/prune.py:169-174).
void select_nm(const float* score, int64_t rows, int64_t columns, int64_t n, int64_t m,
               uint8_t* keep);

/// out[r, c] = |w[r, c]| * a[c]: the score of Wanda without a temporary.
void scaled_magnitude(const float* w, const float* a, int64_t rows, int64_t columns, float* out);

}  // namespace bench::kernels
