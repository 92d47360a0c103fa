#pragma once
#include <string>

#include "tensor/tensor.h"

namespace bench {

/// Which columns n:m groups are made of (RIA: Zhang et al. 2024; biomedical-cybernetics/
/// Relative-importance-and-activation-pruning@7bc55b0 lib/prune.py:243-379): columns ascending by
/// importance are dealt in m strips, every second one backwards; then, slot by slot, a linear sum
/// assignment moves columns between groups so that the score that n:m retains is largest.
struct Reallocation {
  /// Of a column: the sum of its scores, or what unstructured pruning of the layer or of each row
  /// would retain of it.
  std::string importance = "sum";  // sum, layer, row
  double share = 0.5;              // that this unstructured pruning removes
  bool assign = true;
  int64_t blocks = 1;  // parts of the columns that are assigned apart from each other
};

/// int64 [columns]: place p of the new order holds old column order[p]. score: float32 [rows,
/// columns]; throws where m does not divide the columns.
Tensor reallocated(const Tensor& score, int64_t keep, int64_t of, const Reallocation& how);

/// The columns that rows are assigned to so that the sum of value[row][column] is largest; value:
/// square, float64.
std::vector<int64_t> largest_assignment(const Tensor& value);

}  // namespace bench
