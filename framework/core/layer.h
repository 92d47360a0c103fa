#pragma once
#include <functional>
#include <memory>
#include <string>

#include "tensor/compute_type.h"

namespace bench {

/// How a quantised weight is stored: weight = scale * (level - zero) in float32, levels are whole
/// numbers from 0 to 2^bits - 1. In memory the weight stays what the levels mean, rounded to its
/// type where that is narrower.
struct Format {
  int64_t bits = 0;
  int64_t group = 0;       // columns that share a scale; 0: all of a row
  bool symmetric = false;  // zero is the middle level, whatever the weights are
  Tensor scale, zero;      // float32 [out, groups], or [1, 1] for the whole matrix; on the CPU
  Tensor group_of;         // int64 [in], on the CPU: whose scale a column has
  Tensor weight;           // the handle that it describes: of a later weight it says nothing

  /// What is stored: packed levels, float32 scales, and zeros where they are not known.
  double bytes() const;
};

/// A part u v of a weight that is stored and computed as two factors: x -> (x v^T) u^T.
struct LowRank {
  Tensor u, v;         // [out, rank], [rank, in]; undefined: there are none
  bool alone = false;  // nothing stands beside the factors: the layer's weight is all zeros and is
                       // neither stored nor computed; else it is the rest, dense or masked
};

/// A prunable weight. Linear and Conv2d alike are a matrix [out, in*kh*kw] with y = x W^T + b; conv
/// inputs are unfolded before the tap, so that criteria never see the difference.
/// LibTorch modules have no hooks: tap, gate and lens are the only three instruments of the
/// project, and they are undefined again after each pass.
struct Layer {
  std::string name;  // module path in the Hugging Face model class, without ".weight"
  Tensor weight;  // [out, in] or [out, in, kh, kw]; never changed in place: handles are snapshots
  Tensor bias;    // [out]; undefined if none
  Tensor mask;    // bool [out, in*kh*kw], true = kept; undefined while dense
  LowRank low_rank;                      // added to the weight, where there is one; linear only
  std::shared_ptr<const Format> format;  // of the weight as it stood: ask quantised()
  int64_t stride = 1, padding = 0;       // conv only
  bool stored_transposed = false;        // a checkpoint holds [in, out] (transformers' Conv1D)

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
  /// Weight and factors as one matrix: what the layer does to x.
  Tensor whole() const {
    if (!low_rank.u.defined()) return matrix();
    return matrix() + at_least_float(low_rank.u).mm(at_least_float(low_rank.v));
  }
  /// Numbers that are stored and multiplied with, masked ones included, without the bias.
  int64_t parameters() const;
  /// Whether its weight or a factor is differentiated.
  bool learns() const {
    return (weight.defined() && weight.requires_grad()) ||
           (low_rank.u.defined() && low_rank.u.requires_grad());
  }
  /// How the weight is stored; null: as floats, or it was changed since it was quantised.
  const Format* quantised() const {
    return format && format->weight.is_same(weight) ? format.get() : nullptr;
  }
  /// The levels [out, in] of a quantised weight, int32 on the CPU.
  Tensor levels() const;
  std::string weight_name() const { return name + ".weight"; }

  /// x: [rows, in] or [n, in, h, w]; which: see tap.
  Tensor operator()(const Tensor& x, const Tensor& which = {}) const;

  /// A new weight of the same shape, kept zero outside the mask; it is stored as floats.
  void set_matrix(const Tensor& matrix);
  /// AND-ed with a mask that is there already; pruned weights become exactly zero, which is a level
  /// of every format.
  void set_mask(const Tensor& keep);
  /// The weight is what `levels` (as levels()) mean.
  void set_levels(const Tensor& levels, Format how);
  /// The weight as it stands is stored like that.
  void describe(Format how);
  /// Factors in place of the weight, and what stands beside them (undefined: nothing).
  void set_low_rank(const Tensor& u, const Tensor& v, const Tensor& rest);
};

}  // namespace bench
