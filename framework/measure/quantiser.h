#pragma once
#include "config/registry.h"
#include "core/layer.h"

namespace bench {

/// Uniform levels of a row or of a group of a row's columns (gptq/quant.py:26-120): from the least
/// to the largest weight, 0 always among them; symmetric: as far down as up.
struct Quantiser {
  static Schema schema();
  explicit Quantiser(const Config& c);

  struct Levels {
    Tensor scale, zero;  // float32 [rows]
  };
  /// Of the rows of x [rows, columns].
  Levels fit(const Tensor& x) const;
  /// clamp(round(x / scale) + zero), float32; x: [rows] or [rows, columns].
  Tensor level(const Tensor& x, const Levels& of) const;
  static Tensor value(const Tensor& level, const Levels& of);

  int64_t columns_of(int64_t columns) const { return group > 0 ? group : columns; }
  int64_t groups_of(int64_t columns) const {
    return (columns + columns_of(columns) - 1) / columns_of(columns);
  }
  /// The format of a weight of so many columns; group g has levels all[g]. order: where group_of
  /// counts places of a permutation, which column stands at each.
  Format format(int64_t columns, const std::vector<Levels>& all, const Tensor& order = {}) const;

  int64_t bits, group;
  bool symmetric, search, whole;  // whole: one scale for all rows

 private:
  Levels range_of(const Tensor& low, const Tensor& high) const;
};

}  // namespace bench
