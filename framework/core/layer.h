#pragma once
#include <functional>
#include <string>

#include "tensor/compute_type.h"

namespace bench {

/// A prunable weight. Linear and Conv2d alike are a matrix [out, in*kh*kw] with y = x W^T + b; conv
/// inputs are unfolded before the tap, so that criteria never see the difference.
/// LibTorch modules have no hooks: tap, gate and lens are the only three instruments of the
/// project, and they are undefined again after each pass.
struct Layer {
  std::string name;  // module path in the Hugging Face model class, without ".weight"
  Tensor weight;  // [out, in] or [out, in, kh, kw]; never changed in place: handles are snapshots
  Tensor bias;    // [out]; undefined if none
  Tensor mask;    // bool [out, in*kh*kw], true = kept; undefined while dense
  int64_t stride = 1, padding = 0;  // conv only
  bool stored_transposed = false;   // a checkpoint holds [in, out] (transformers' Conv1D)

  /// Sees x: [rows, in*kh*kw] while a pass collects. which: int64 [rows], ascending: the rows of
  /// the batch that x is (the tokens that were routed to an expert); undefined: all of them.
  std::function<void(const Tensor& x, const Tensor& which)> tap;
  Tensor gate;                                                // [in]: multiplies input channels
  std::function<Tensor(const Layer&, const Tensor& x)> lens;  // computes y in place of the weight

  double rows_share = 1;  // of a batch's rows, how many reach it: k of E for an expert's layer

  bool is_conv() const { return weight.dim() == 4; }
  int64_t rows() const { return weight.size(0); }
  int64_t columns() const {
    return is_conv() ? weight.size(1) * columns_per_channel() : weight.size(1);
  }
  /// Matrix columns that read one input channel: kh*kw, 1 for Linear.
  int64_t columns_per_channel() const { return is_conv() ? weight.size(2) * weight.size(3) : 1; }
  /// The weight as a matrix, in its own type.
  Tensor flat() const { return weight.flatten(1); }
  /// The same, float32 or wider: what scores, masks and repairs are made of.
  Tensor matrix() const { return at_least_float(flat()); }
  std::string weight_name() const { return name + ".weight"; }

  /// x: [rows, in] or [n, in, h, w]; which: see tap.
  Tensor operator()(const Tensor& x, const Tensor& which = {}) const;

  /// A new weight of the same shape, kept zero outside the mask.
  void set_matrix(const Tensor& matrix);
  /// AND-ed with a mask that is there already; pruned weights become exactly zero.
  void set_mask(const Tensor& keep);
};

}  // namespace bench
