#pragma once
#include <cstdint>

namespace bench::kernels {

/// Adds x [rows, columns] to three running sums per column: of x, |x| and x^2, each [columns],
/// float64. Rows are added in order, so the bits depend neither on threads nor on how rows are
/// split over calls.
void add_moments(const float* x, int64_t rows, int64_t columns, double* sum, double* abs_sum,
                 double* square_sum);

}  // namespace bench::kernels
