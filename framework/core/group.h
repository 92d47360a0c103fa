#pragma once
#include <string>
#include <vector>

#include "core/layer.h"

namespace bench {

/// Which part of a layer belongs to unit u of a group: indices [u*width, (u+1)*width) along `dim`
/// of the layer's matrix, in each of `stretches` equal parts of that dim (GPT-2's c_attn holds all
/// queries, then all keys, then all values: 3).
struct Slice {
  enum Dim { Out = 0, In = 1 };
  Layer* layer = nullptr;
  Dim dim = Out;
  int64_t width = 1;
  int64_t stretches = 1;
};

/// A vector that is no prunable weight but runs along the units of a group.
struct Follower {
  enum Kind {
    Plain,   // cut when shrunk: biases, running statistics, ALiBi slopes
    Affine,  // and zeroed when masked: a batch norm's scale and shift, so that a masked channel is
             // 0
    Index,   // its VALUES are unit numbers: renumbered when shrunk, -1 where the unit went
  };
  Tensor* values = nullptr;
  Kind kind = Plain;
  int64_t width = 1;
  std::string scale;  // of a batch norm's scale, its name: some criteria rank on it; else empty
};

/// Slices of layers that can only go together: unit u is one neuron, head, channel or block.
struct Group {
  std::string name;
  std::string kind;   // "head", "neuron", "channel"
  int64_t block = 0;  // the first block it touches
  int64_t last = 0;   // the last one
  int64_t units = 0;
  int64_t unit_width = 1;     // channels of a unit that are scored one by one: head_dim, else 1
  std::vector<Slice> slices;  // root first: the order matters for the reductions first and second
  std::vector<Follower> followers;

  int64_t channels() const { return units * unit_width; }
  /// Weights that go with one unit.
  int64_t weights_per_unit() const;
  /// The slices with the layer that writes the units (the first of dim Out) in front.
  std::vector<Slice> rooted() const;
  /// bool [units]: all their weights are masked.
  Tensor gone() const;
  /// One bool mask per slice, each of its layer's matrix shape; keep: bool [units].
  std::vector<Tensor> layer_masks(const Tensor& keep) const;
  /// A vector along a slice's dim -> one value per channel of the group [channels()]: sums the rows
  /// or columns that stand for one channel (a grouped query's heads, BLOOM's fused q, k, v, a
  /// kernel's taps).
  Tensor to_channels(const Slice& slice, const Tensor& along) const;
};

/// Removes the units for good: smaller tensors, the same function as the masked model.
void shrink(const Group& group, const Tensor& keep);
/// Zeroes what must be zero for the masked model to equal the shrunk one (Affine followers).
void mask_followers(const Group& group, const Tensor& keep);

}  // namespace bench
